"""``xret evaluate``: measure a trained run again, on any split, data set or protocol."""

import logging
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Encode a split with the best weights of a run, measure, print the table and store the figures."""
    from xret.run.folder import RunFolder

    if cfg.split not in {"train", "val", "test"}:
        raise UserError(f"split must be train, val or test, got {cfg.split}")
    trained = RunFolder.open(Path(cfg.run))
    from pytorch_lightning import seed_everything

    from xret.commands._assembly import build, build_model, prepare, refuse_strangers, trusted
    from xret.commands._measure import Ridge, arrays, encode_split, measure, require
    from xret.commands._needs import needs
    from xret.commands._rerank import Mix, SecondStage, latency_ms
    from xret.run import report
    from xret.run.checkpoint import load, load_model

    stored = OmegaConf.load(trained.config)
    refuse_strangers(OmegaConf.to_container(stored), trusted(cfg.trust))
    settings = OmegaConf.create(
        {**stored, "batch": cfg.batch, "cache": cfg.cache, "data": cfg.get("data") or stored.data}
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
    prepared = prepare(settings, build(settings.data, "data").load(), model, needs(settings))
    vectors = encode_split(model, prepared, cfg.split)
    tasks = require(protocol, prepared.split(cfg.split)[0], cfg.split)
    second: SecondStage | None = None
    if model.matcher is not None:
        second = SecondStage(model, prepared, cfg.split, tasks, vectors, stored.fusion.rerank_k)
        second.mix = Mix.load(trained)
    result = measure(tasks, vectors, stored.seed, second, stored.fusion.report if second else "first")
    baseline = {}
    if cfg.get("data") is None:
        baseline = Ridge(prepared, require(protocol, prepared.split("val")[0], "val")).evaluate(tasks, cfg.split)
    metrics = {f"{cfg.split}/{name}": value for name, value in {**result.values, **baseline}.items()}
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    if second is not None and second.mix is not None:
        metrics |= second.mix.figures()
        out.write_json("cost.json", {"rerank_latency_ms": latency_ms(model, second)})
    out.write_text("config.yaml", OmegaConf.to_yaml(OmegaConf.create({**cfg, "data": settings.data}), resolve=True))
    out.write_arrays("per_query.npz", arrays(result, cfg.split))
    out.write_json("metrics.json", metrics)
    print(f"\n{report.table(metrics, cfg.split)}\n\nevaluation: {out.path}")
