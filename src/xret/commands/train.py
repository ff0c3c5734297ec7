"""``xret train``: declare, train, evaluate and record one experiment."""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from omegaconf import DictConfig

from xret._errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from xret.commands._assembly import Prepared
    from xret.commands._fit import Validate
    from xret.commands._rerank import SecondStage
    from xret.metric import Tasks
    from xret.model.dual_encoder import DualEncoder
    from xret.run.folder import RunFolder

    Reranking = Callable[[dict[str, np.ndarray]], SecondStage]

log = logging.getLogger(__name__)

_CARD_FILES = 20_000  # compared for duplicates: a moment; beyond it, `xret data card` does it


def run(cfg: DictConfig) -> float | tuple[float, ...]:
    """Train, measure, record; return what ``objective`` names, for a sweep."""
    from xret.commands._claim import claim
    from xret.commands._leaks import check_way
    from xret.commands._needs import check_together
    from xret.commands._result import objective
    from xret.commands._wise import check
    from xret.run.folder import Busy

    for key, least in (("folds", 2), ("limit", 1), ("chunk", 1)):
        if cfg[key] is not None and cfg[key] < least:
            raise UserError(f"{key} must be null or at least {least}, got {cfg[key]}")
    check(cfg.wise)
    check_together(cfg)
    check_way(cfg.leaks)
    cfg, record = claim(cfg)
    if record.silent:
        logging.getLogger().setLevel(logging.ERROR)
        _train(cfg, record)
        return math.nan
    try:
        with record.alone():
            _complete(cfg, record)
    except Busy:
        if cfg.existing != "continue":
            raise
        log.info("another process is at it: %s", record.path)
        return math.nan
    return objective(cfg, record)


def _complete(cfg: DictConfig, record: "RunFolder") -> None:
    """Do what is still to be done, in one training or in folds, and show what came out."""
    from xret.commands._result import average, show
    from xret.run.folder import RunFolder

    if record.metrics.exists() and cfg.existing == "continue":
        log.info("done already: %s", record.path)
        return
    if not record.metrics.exists():
        if cfg.folds is None:
            _train(cfg, record)
        else:
            parts = [RunFolder(record.path / f"fold_{k}") for k in range(cfg.folds)]
            for number, part in enumerate(parts):
                if not part.metrics.exists():
                    _train(_closed(cfg), part, number)
            average(cfg, record, parts)
    show(cfg, record)


def _train(cfg: DictConfig, record: "RunFolder", number: int | None = None) -> None:
    """Train one model and measure it; as fold ``number`` where there are folds."""
    from pytorch_lightning import seed_everything

    from xret.commands._assembly import build, build_model, prepare
    from xret.commands._augmentation import augment
    from xret.commands._begin import begin as begin_projections
    from xret.commands._fit import Fit
    from xret.commands._leaks import guard
    from xret.commands._made import load
    from xret.commands._measure import of_split, require
    from xret.commands._needs import needs
    from xret.commands._noise import with_noise
    from xret.commands._result import check_names, finish
    from xret.commands._retention import retention
    from xret.commands._robust import believing
    from xret.commands._target import target
    from xret.commands._wise import save_start
    from xret.data.split import fold
    from xret.run.trial import pruning

    begin = time.perf_counter()
    seed_everything(cfg.seed, workers=True, verbose=False)
    manifest = load(cfg)
    manifest = manifest if number is None else fold(manifest, number, cfg.folds)
    model = build_model(cfg)
    clean = prepare(cfg, manifest, model, needs(cfg), cfg.batch.keep_pictures)
    guard(cfg, record, clean)
    clean = replace(clean, target=target(cfg, model))
    prepared = augment(cfg, with_noise(cfg, clean), model)
    facts = _facts(cfg, record, clean, model.frozen_fingerprints(), _noise(cfg, record, prepared))
    log.info("data: %s", _counts(prepared))
    protocol = build(cfg.protocol, "protocol")
    tasks = require(of_split(protocol, "val"), prepared.split("val")[0], "val")
    validate = _validate(tasks, _reranking(cfg, model, prepared, tasks))
    check_names(cfg, _names(tasks, prepared))
    belief = believing(cfg, prepared)
    rate = begin_projections(cfg, model, prepared, belief)
    kept = None if record.silent else retention(cfg, model, protocol)
    stop = pruning(cfg.trial if not number else None, cfg.monitor)  # the first fold speaks for all
    fit = Fit(cfg, record, model, prepared, validate, facts["data_hash"], rate, stop, belief)
    ready = time.perf_counter()
    if cfg.trial is None and not record.silent and not record.last.exists():
        save_start(record, model)
    fit.run()
    if record.silent:
        return
    seconds = {"prepare": ready - begin, "fit": time.perf_counter() - ready}
    finish(cfg, record, fit, prepared, protocol, seconds, kept)


def _closed(cfg: DictConfig) -> DictConfig:
    """Return the config of a fold: it never opens the test split, and is no MLflow run of its own."""
    closed = cfg.copy()
    closed.test, closed.tracker = False, {}
    return closed


def _noise(cfg: DictConfig, record: "RunFolder", prepared: "Prepared") -> dict[str, Any]:
    """Write which rows are mismatched on purpose; return what a record says of it, nothing where there are none."""
    from xret.commands._noise import noise_facts, noise_table

    facts = noise_facts(cfg, prepared)
    if facts is None:
        return {}
    record.write_text("noise.csv", noise_table(prepared))
    record.write_json("noise.json", facts)
    return {"noise": facts}


def _facts(
    cfg: DictConfig, record: "RunFolder", prepared: "Prepared", frozen: dict[str, str], noise: dict[str, Any]
) -> dict[str, Any]:
    """Write what the run is made of, and return it. Hashes are of the clean data: noise is a setting beside it."""
    from xret.data.card import card
    from xret.data.split import split_digest
    from xret.run.provenance import provenance

    manifest = prepared.manifest
    record.write_lines("rejected.jsonl", manifest.rejected)
    record.write_json("data_card.json", card(manifest, _CARD_FILES))
    record.write_text("split.csv", "id,group,split\n" + "".join(f"{r.id},{r.group},{r.split}\n" for r in manifest.rows))
    facts = {
        "seed": cfg.seed,
        "data": manifest.name,
        "data_hash": manifest.digest(),
        "split_hash": split_digest(manifest),
        "frozen": frozen,
        **noise,
    }
    if prepared.target is not None:
        facts["target_hash"] = prepared.target.manifest.digest()
    record.write_json("provenance.json", provenance(**facts))
    return facts


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


def _reranking(cfg: DictConfig, model: "DualEncoder", prepared: "Prepared", tasks: "Tasks") -> "Reranking | None":
    """Return what orders the answers to validation queries anew, where its figures are what is reported."""
    from xret.commands._rerank import SecondStage

    if model.matcher is None or cfg.fusion.report == "first":
        return None

    def reranking(vectors: "dict[str, np.ndarray]") -> SecondStage:
        second = SecondStage(model, prepared, "val", tasks, vectors, cfg.fusion.rerank_k)
        second.choose(cfg.fusion.share)
        return second

    return reranking


def _validate(tasks: "Tasks", reranking: "Reranking | None" = None) -> "Validate":
    """Return the function that measures validation vectors: figures only, no intervals.

    Args:
        tasks: of the validation split.
        reranking: vectors -> second stage; None measures the vectors alone.
    """
    from xret.commands._measure import with_mean_mrr
    from xret.metric.evaluate import evaluate

    shown = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "rsum")

    def validate(vectors: "dict[str, np.ndarray]") -> dict[str, float]:
        second = None if reranking is None else reranking(vectors)
        share = {} if second is None or second.mix is None else {"rerank_share": second.mix.share}
        values = with_mean_mrr(evaluate(tasks, vectors, resamples=0, second=second).values)
        return {name: value for name, value in values.items() if name.rpartition("/")[2] in shown} | share

    return validate


def _names(tasks: "Tasks", prepared: "Prepared") -> list[str]:
    """Return the names of all validation figures, from vectors that carry nothing."""
    import numpy as np

    items, _ = prepared.split("val")
    nothing = {m: np.ones((len(found), 1), np.float32) for m, found in items.items()}
    return [f"val/{name}" for name in _validate(tasks)(nothing)]
