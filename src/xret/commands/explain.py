"""``xret explain``: why a picture and a text are close, and whether the answer can be believed."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.commands._reasons import Reasons
    from xret.commands._trained import Trained
    from xret.run.folder import RunFolder

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Explain one pair into ``explanation.png`` and ``explanation.json``, or measure many into ``metrics.json``."""
    _check(cfg)
    from xret.run.folder import RunFolder

    source = RunFolder.open(Path(cfg.run))  # a mistake in its name is told before the seconds that torch takes
    if cfg.image is not None and not Path(cfg.image).is_file():
        raise UserError(f"no file {cfg.image}; image= is the path of a picture")
    from xret.commands._assembly import build
    from xret.commands._explaining import check_explainable
    from xret.commands._trained import open_run

    method = build(cfg.explain, "explain")
    trained = open_run(Path(cfg.run), cfg.trust)
    check_explainable(trained.model)
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    out.write_text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    if cfg.pairs is not None:
        _pairs(cfg, trained, method, out)
    else:
        _one(cfg, trained, method, out)
    _track(cfg, source, out)
    print(f"\nexplanation: {out.path}")


def _check(cfg: DictConfig) -> None:
    """Raise UserError unless exactly one thing is asked for."""
    asked = [name for name in ("id", "image", "pairs") if cfg[name] is not None]
    if len(asked) != 1:
        raise UserError(f"give one of id=ID, image=FILE with query=TEXT, or pairs=N; got {', '.join(asked) or 'none'}")
    if (cfg.query is not None) != (cfg.image is not None):
        raise UserError('image=FILE and query="..." go together: a picture, and what it is compared with')
    if cfg.query is not None and not str(cfg.query).strip():
        raise UserError("query must hold a word, got nothing")
    if cfg.pairs is not None and not (isinstance(cfg.pairs, int) and cfg.pairs > 0):
        raise UserError(f"pairs must be a number of pairs, 1 or more, got {cfg.pairs}")
    if cfg.split not in {"train", "val", "test"}:
        raise UserError(f"split must be train, val or test, got {cfg.split}")
    if min(cfg.steps, cfg.randoms) < 1:
        raise UserError(f"steps and randoms must be at least 1, got {cfg.steps} and {cfg.randoms}")


def _one(cfg: DictConfig, trained: "Trained", method: Any, out: "RunFolder") -> None:  # noqa: ANN401 - a method
    """Explain one pair."""
    from xret.commands import _reasons

    found: Reasons = (_reasons.of_file if cfg.image is not None else _reasons.of_row)(cfg, trained, method)
    out.write_bytes("explanation.png", found.picture)
    out.write_json("explanation.json", found.facts)
    print(found.summary)


def _pairs(cfg: DictConfig, trained: "Trained", method: Any, out: "RunFolder") -> None:  # noqa: ANN401 - a method
    """Measure how faithful the maps of N pairs are."""
    from xret.commands import _faithful
    from xret.commands._ranked import prepared_for

    measured = _faithful.measure(trained.model, prepared_for(cfg, trained), method, _faithful.Settings.of(cfg))
    out.write_json("metrics.json", measured.figures(cfg.split))
    out.write_lines("pairs.jsonl", measured.pairs)
    print(measured.table(cfg.split))


def _track(cfg: DictConfig, source: "RunFolder", out: "RunFolder") -> None:
    """Add the files to the MLflow run of the training, where it has one in a store of this machine."""
    if not (source.path / "mlflow.json").exists() or not cfg.get("tracker"):
        return
    from xret.run.tracking import add_artifacts

    add_artifacts(source, out, f"explain/{out.path.name}", str(cfg.tracker.tracking_uri))
