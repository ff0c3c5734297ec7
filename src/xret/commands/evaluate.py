"""``xret evaluate``: measure a trained run again, on any split, data set or protocol."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.metric.evaluate import Evaluation
    from xret.model.dual_encoder import DualEncoder


def run(cfg: DictConfig) -> None:
    """Encode a split with the best weights of a run, measure, print the table and store the figures."""
    if cfg.split not in {"train", "val", "test", "target"}:
        raise UserError(f"split must be train, val, test or target, got {cfg.split}")
    from xret.commands._assembly import build
    from xret.commands._measure import arrays, of_split
    from xret.commands._trained import open_run
    from xret.commands._wise import check
    from xret.run import report
    from xret.run.folder import RunFolder

    check(cfg.wise)
    if cfg.wise == "best":
        raise UserError("wise=best is chosen in training; give a number between 0 (the start) and 1 (what was trained)")
    trained = open_run(Path(cfg.run), cfg.trust, cfg.wise)
    stored = trained.cfg
    settings = OmegaConf.create(
        {**stored, "batch": cfg.batch, "cache": cfg.cache, "limit": None, "data": cfg.get("data") or stored.data}
    )
    protocol = build(cfg.get("protocol") or stored.protocol, "protocol")
    if cfg.get("protocol") is None:
        protocol = of_split(protocol, "test" if cfg.split == "target" else cfg.split)
    result = (_target if cfg.split == "target" else _split)(cfg, settings, trained.model, protocol)
    metrics = {f"{cfg.split}/{name}": value for name, value in result.values.items()}
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    out.write_text("config.yaml", OmegaConf.to_yaml(OmegaConf.create({**cfg, "data": settings.data}), resolve=True))
    out.write_arrays("per_query.npz", arrays(result, cfg.split))
    out.write_json("metrics.json", metrics)
    print(f"\n{report.table(metrics, cfg.split)}\n\nevaluation: {out.path}")


def _split(cfg: DictConfig, settings: DictConfig, model: "DualEncoder", protocol: Any) -> "Evaluation":  # noqa: ANN401
    """Measure a split; on the run's own data the ridge baseline stands beside it."""
    from xret.commands._assembly import build, prepare
    from xret.commands._measure import Ridge, encode_split, measure, of_split, require
    from xret.commands._noise import with_noise
    from xret.metric.evaluate import Evaluation

    prepared = prepare(settings, build(settings.data, "data").load(), model)
    if cfg.get("data") is None and "noise" in settings:
        prepared = with_noise(settings, prepared)  # the baseline is fitted on what the run was trained on
    tasks = require(protocol, prepared.split(cfg.split)[0], cfg.split)
    result = measure(tasks, encode_split(model, prepared, cfg.split), settings.seed)
    if cfg.get("data") is not None:
        return result
    chosen_by = require(of_split(protocol, "val"), prepared.split("val")[0], "val")
    return Evaluation({**result.values, **Ridge(prepared, chosen_by).evaluate(tasks, cfg.split)}, result.per_query)


def _target(cfg: DictConfig, settings: DictConfig, model: "DualEncoder", protocol: Any) -> "Evaluation":  # noqa: ANN401
    """Measure the target domain; moment matching stands beside it."""
    from xret.commands._assembly import build, prepare
    from xret.commands._target import measure_target, target

    domain = target(settings, model)
    if domain is None:
        raise UserError(
            f"{cfg.run} was trained without a target domain; evaluate run=... data=... measures another one"
        )
    prepared = prepare(settings, build(settings.data, "data").load(), model)
    return measure_target(model, prepared, domain, protocol, settings.seed)
