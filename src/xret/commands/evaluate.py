"""``xret evaluate``: measure a trained run again, on any split, data set or protocol."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.metric.evaluate import Evaluation
    from xret.model.dual_encoder import DualEncoder

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Encode a split with the best weights of a run, measure, print the table and store the figures."""
    from xret.run.folder import RunFolder

    if cfg.split not in {"train", "val", "test", "target"}:
        raise UserError(f"split must be train, val, test or target, got {cfg.split}")
    trained = RunFolder.open(Path(cfg.run))
    from pytorch_lightning import seed_everything

    from xret.commands._assembly import build, build_model, refuse_strangers, trusted
    from xret.commands._measure import arrays
    from xret.run import report
    from xret.run.checkpoint import load, load_model

    stored = OmegaConf.load(trained.config)
    refuse_strangers(OmegaConf.to_container(stored), trusted(cfg.trust))
    settings = OmegaConf.create(
        {**stored, "batch": cfg.batch, "cache": cfg.cache, "limit": None, "data": cfg.get("data") or stored.data}
    )
    seed_everything(stored.seed, workers=True, verbose=False)  # frozen encoders without weights are random
    model = build_model(settings)
    weights = load(trained.best)
    load_model(model, weights)
    same = trained.read_json("provenance.json")["frozen"]
    for modality, fingerprint in model.frozen_fingerprints().items():
        if same.get(modality) != fingerprint:
            raise UserError(
                f"the frozen {modality} encoder is not the one {cfg.run} was trained with: its files changed"
            )
    if weights.get("partial"):
        log.warning("this run was stopped within its first epoch")
    protocol = build(cfg.get("protocol") or stored.protocol, "protocol")
    result = (_target if cfg.split == "target" else _split)(cfg, settings, model, protocol)
    metrics = {f"{cfg.split}/{name}": value for name, value in result.values.items()}
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    out.write_text("config.yaml", OmegaConf.to_yaml(OmegaConf.create({**cfg, "data": settings.data}), resolve=True))
    out.write_arrays("per_query.npz", arrays(result, cfg.split))
    out.write_json("metrics.json", metrics)
    print(f"\n{report.table(metrics, cfg.split)}\n\nevaluation: {out.path}")


def _split(cfg: DictConfig, settings: DictConfig, model: "DualEncoder", protocol: Any) -> "Evaluation":  # noqa: ANN401
    """Measure a split; on the run's own data the ridge baseline stands beside it."""
    from xret.commands._assembly import build, prepare
    from xret.commands._measure import Ridge, encode_split, measure, require
    from xret.metric.evaluate import Evaluation

    prepared = prepare(settings, build(settings.data, "data").load(), model)
    tasks = require(protocol, prepared.split(cfg.split)[0], cfg.split)
    result = measure(tasks, encode_split(model, prepared, cfg.split), settings.seed)
    if cfg.get("data") is not None:
        return result
    baseline = Ridge(prepared, require(protocol, prepared.split("val")[0], "val")).evaluate(tasks, cfg.split)
    return Evaluation({**result.values, **baseline}, result.per_query)


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
