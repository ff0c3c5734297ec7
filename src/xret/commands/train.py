"""``xret train``: declare, train, evaluate and record one experiment."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from xret.commands._assembly import Prepared
    from xret.commands._fit import Fit, Validate
    from xret.run.folder import RunFolder

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> float:
    """Train, measure, record; return the best value of ``monitor``, which a sweep maximises."""
    from xret.run import report
    from xret.run.folder import RunFolder

    folder = Path(HydraConfig.get().runtime.output_dir)
    if cfg.resume is None:
        record = RunFolder.claim(folder)
    else:
        record = RunFolder.open(Path(cfg.resume))
        cfg = _stored(cfg, record)
        if record.metrics.exists():
            print(
                report.summary(
                    record.path, record.read_json("metrics.json"), record.read_json("cost.json"), cfg.targets or {}
                )
            )
            return float(record.read_json("metrics.json")[cfg.monitor])
    record.write_text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
    return _train(cfg, record)


def _stored(cfg: DictConfig, record: "RunFolder") -> DictConfig:
    """Return the config a run was started with; what else stands on the command line must agree with it.

    Raises:
        UserError: it does not, naming the first key that differs.
    """
    from xret.commands._assembly import refuse_strangers, trusted

    stored = OmegaConf.load(record.config)
    assert isinstance(stored, DictConfig)
    refuse_strangers(OmegaConf.to_container(stored), trusted(cfg.trust))
    asked = [o for o in HydraConfig.get().overrides.task if not o.startswith("resume=")]
    if asked:
        now = OmegaConf.create(OmegaConf.to_yaml(cfg, resolve=True))
        now.resume = stored.resume
        for key in [*now, *stored]:
            if now.get(key) != stored.get(key):
                raise UserError(
                    f"resume={cfg.resume} goes on with {key}={stored.get(key)}, got {now.get(key)}; leave it out"
                )
    return stored


def _train(cfg: DictConfig, record: "RunFolder") -> float:
    from pytorch_lightning import seed_everything

    from xret.commands._assembly import build, build_model, prepare
    from xret.commands._begin import begin as begin_projections
    from xret.commands._fit import Fit
    from xret.data.split import split_digest
    from xret.run.provenance import provenance

    begin = time.perf_counter()
    seed_everything(cfg.seed, workers=True, verbose=False)
    manifest = build(cfg.data, "data").load()
    model = build_model(cfg)
    prepared = prepare(cfg, manifest, model)
    manifest = prepared.manifest
    record.write_lines("rejected.jsonl", manifest.rejected)
    record.write_text("split.csv", "id,group,split\n" + "".join(f"{r.id},{r.group},{r.split}\n" for r in manifest.rows))
    facts = {
        "seed": cfg.seed,
        "data": manifest.name,
        "data_hash": manifest.digest(),
        "split_hash": split_digest(manifest),
        "frozen": model.frozen_fingerprints(),
    }
    record.write_json("provenance.json", provenance(**facts))
    log.info("data: %s", _counts(prepared))
    protocol = build(cfg.protocol, "protocol")
    rate = begin_projections(cfg, model, prepared)
    fit = Fit(cfg, record, model, prepared, _validate(prepared, protocol), str(facts["data_hash"]), rate)
    ready = time.perf_counter()
    fit.run()
    seconds = {"prepare": ready - begin, "fit": time.perf_counter() - ready}
    return _finish(cfg, record, fit, prepared, protocol, seconds)


def _counts(prepared: "Prepared") -> str:
    """Return one line: pairs and items of each split, and how many rows were rejected."""
    manifest = prepared.manifest
    splits = []
    for name in dict.fromkeys(row.split for row in manifest.rows):
        items, _ = prepared.split(str(name))
        splits.append(
            f"{name} {len(prepared.rows(str(name)))} pairs ({', '.join(f'{len(i)} {m}' for m, i in items.items())})"
        )
    return f"{manifest.name}: {'; '.join(splits)}; {len(manifest.rejected)} rejected"


def _validate(prepared: "Prepared", protocol: Any) -> "Validate":  # noqa: ANN401 - what the config names
    """Return the function that measures validation vectors: figures only, no intervals."""
    from xret.commands._measure import require, with_mean_mrr
    from xret.metric.evaluate import evaluate

    tasks = require(protocol, prepared.split("val")[0], "val")
    shown = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "rsum")

    def validate(vectors: "dict[str, np.ndarray]") -> dict[str, float]:
        values = with_mean_mrr(evaluate(tasks, vectors, resamples=0).values)
        return {name: value for name, value in values.items() if name.rpartition("/")[2] in shown}

    return validate


def _finish(
    cfg: DictConfig,
    record: "RunFolder",
    fit: "Fit",
    prepared: "Prepared",
    protocol: Any,  # noqa: ANN401 - what the config names
    seconds: dict[str, float],
) -> float:
    """Measure the best weights on val and test, write the record, say what came out."""
    from xret.commands._measure import Ridge, arrays, encode_split, measure, picture, require
    from xret.run import report, tracking
    from xret.run.cost import cost
    from xret.run.figures import curves

    model = fit.best().model
    metrics: dict[str, float] = {}
    galleries = {}
    asked = {split: require(protocol, prepared.split(split)[0], split) for split in ("val", "test")}
    baseline = Ridge(prepared, asked["val"])
    for split, tasks in asked.items():
        vectors = encode_split(model, prepared, split)
        result = measure(tasks, vectors, cfg.seed)
        values = {**result.values, **baseline.evaluate(tasks, split)}
        metrics |= {f"{split}/{name}": value for name, value in values.items()}
        if split == "test":
            galleries = vectors
            record.write_arrays("per_query.npz", arrays(result))
            drawn = picture(prepared, split, tasks, vectors, result)
            if drawn is not None:
                record.write_bytes("answers.png", drawn)
    metrics["best_epoch"] = float(fit.checkpoints.best_epoch)
    record.write_bytes("curves.png", curves(fit.checkpoints.history))
    costs = cost(model, prepared.raw, {m: len(i) for m, i in prepared.items.items()}, galleries, seconds["fit"])
    record.write_json("cost.json", {**costs, "seconds": seconds})
    record.write_json("metrics.json", metrics)
    if fit.logger is not None:
        timed = {f"cost/{direction}/latency_p50_ms": t["p50"] for direction, t in costs["latency_ms"].items()}
        tracking.finish(fit.logger, record, {**metrics, **timed, "cost/fit_s": seconds["fit"]}, "FINISHED")
    print(report.summary(record.path, metrics, costs, cfg.targets or {}), flush=True)
    return fit.checkpoints.best
