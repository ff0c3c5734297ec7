"""``xret compare``: which difference between settings is real."""

import difflib
import logging
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError
from xret.run.store import SQLITE, alone

if TYPE_CHECKING:
    from xret.run.comparison import Comparison
    from xret.run.folder import RunFolder
    from xret.run.settings import Setting


def run(cfg: DictConfig) -> None:
    """Find runs, group them, compare them with the baseline, store and print what comes out."""
    from xret.run import side_by_side
    from xret.run.comparison import compare
    from xret.run.folder import RunFolder
    from xret.run.forest import forest
    from xret.run.runs import read_all
    from xret.run.settings import group

    _check(cfg)
    runs, unread = read_all(_folders(cfg), cfg.split)
    settings, doubled = group(runs)
    if cfg.runs is None:
        settings.sort(key=lambda setting: setting.name)
    metrics = list(dict.fromkeys([cfg.metric, *(cfg.also or [])]))
    comparison = compare(settings, _baseline(cfg, settings), metrics, cfg.split, force=cfg.force, seed=cfg.seed)
    comparison.notes[:0] = [*unread, *doubled]
    texts = {
        "markdown": side_by_side.markdown(comparison),
        "csv": side_by_side.as_csv(comparison),
        "json": side_by_side.as_json(comparison),
    }
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    out.write_text("comparison.md", texts["markdown"] + "\n")
    out.write_text("comparison.csv", texts["csv"])
    out.write_text("comparison.json", texts["json"] + "\n")
    out.write_bytes("comparison.png", forest(comparison))
    if cfg.get("tracker"):
        _track(cfg, out, comparison)
    print(f"comparison: {out.path}\n", file=sys.stdout if cfg.format == "markdown" else sys.stderr)
    print(texts[cfg.format].rstrip("\n"))


def _check(cfg: DictConfig) -> None:
    """Raise unless the words on the command line make sense."""
    asked = [key for key in ("runs", "experiment", "filter") if cfg[key] is not None]
    if len(asked) != 1:
        got = " and ".join(asked) or "none"
        raise UserError(f"name what to compare by one of runs=[DIR,DIR], experiment=NAME and filter=..., got {got}")
    for key, options in {"split": ("test", "val", "target"), "format": ("markdown", "json", "csv")}.items():
        if cfg[key] not in options:
            raise UserError(f"{key} must be one of {', '.join(options)}, got {cfg[key]}")


def _folders(cfg: DictConfig) -> list[Path]:
    """Return the run folders that the command line names."""
    from xret.run.runs import find

    if cfg.filter is not None:
        return _search(cfg)
    if cfg.runs is not None:
        return find([cfg.runs] if isinstance(cfg.runs, str) else [str(place) for place in cfg.runs])
    study = Path(cfg.runs_dir) / cfg.experiment
    if not study.is_dir():
        names = [p.name for p in Path(cfg.runs_dir).glob("*") if p.is_dir()]
        near = difflib.get_close_matches(cfg.experiment, names, n=3)
        hint = f"did you mean {' or '.join(near)}?" if near else f"run: xret train experiment={cfg.experiment} -m"
        raise UserError(f"no runs of experiment {cfg.experiment} in {study}; {hint}")
    return find([str(study)])


def _client(cfg: DictConfig) -> Any:  # noqa: ANN401 - MLflow has no types
    from mlflow.tracking import MlflowClient

    logging.getLogger("mlflow").setLevel(logging.WARNING)  # it tells of every table it creates
    return MlflowClient(tracking_uri=cfg.tracker.tracking_uri)


def _search(cfg: DictConfig) -> list[Path]:
    """Return the folders of the MLflow runs that a filter finds."""
    from mlflow.exceptions import MlflowException

    if not cfg.get("tracker"):
        raise UserError("filter=... searches MLflow, and tracker=none leaves it out; name folders with runs=[DIR,DIR]")
    store = cfg.tracker.tracking_uri
    if store.startswith(SQLITE) and not Path(store.removeprefix(SQLITE)).exists():
        raise UserError(f"filter=... searches MLflow, and there is no {store.removeprefix(SQLITE)}")
    client = _client(cfg)
    folders, token = [], None
    try:
        experiment = client.get_experiment_by_name(cfg.tracker.experiment_name)
        while experiment is not None and token != "":
            page = client.search_runs([experiment.experiment_id], cfg.filter, page_token=token)
            folders += [Path(r.data.tags["xret.folder"]) for r in page if "xret.folder" in r.data.tags]
            token = page.token or ""
    except MlflowException as error:
        raise UserError(f"MLflow does not understand filter={cfg.filter}: {error}") from error
    there = [folder for folder in dict.fromkeys(folders) if (folder / "config.yaml").exists()]
    if not there:
        raise UserError(f"filter={cfg.filter} finds no run in {store} whose folder is still there")
    return there


def _baseline(cfg: DictConfig, settings: "list[Setting]") -> int:
    """Return the place of the baseline."""
    names = [setting.name for setting in settings]
    if cfg.baseline is None:
        return 0
    if cfg.baseline in names:
        return names.index(cfg.baseline)
    number = str(cfg.baseline)
    if number.isdecimal() and int(number) < len(names):
        return int(number)
    raise UserError(f"baseline={cfg.baseline} is no setting; there are {'; '.join(names)}, or 0 to {len(names) - 1}")


def _track(cfg: DictConfig, out: "RunFolder", comparison: "Comparison") -> None:
    """Store the comparison as a run in MLflow, its files as artifacts."""
    with alone(cfg.tracker.tracking_uri):
        client = _client(cfg)
        found = client.get_experiment_by_name(cfg.tracker.experiment_name)
        name, place = cfg.tracker.experiment_name, cfg.tracker.artifact_location
        number = found.experiment_id if found is not None else client.create_experiment(name, place)
    what = cfg.experiment or cfg.filter or f"{len(comparison.settings)} settings"
    tags = {"mlflow.runName": f"compare {what}", "xret.comparison": str(out.path.resolve())}
    begun = client.create_run(number, start_time=int(time.time() * 1000), tags=tags)
    asked = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(asked, dict)
    for key in ("runs", "experiment", "filter", "baseline", "metric", "split"):
        client.log_param(begun.info.run_id, key, str(asked[key])[:500])
    for path in sorted(out.path.glob("comparison.*")):
        client.log_artifact(begun.info.run_id, str(path))
    client.set_terminated(begun.info.run_id)
