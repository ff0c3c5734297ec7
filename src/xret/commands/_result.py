"""What a training came to: its figures on each split, its cost, its record."""

import difflib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared
from xret.commands._distillation import distils, teacher
from xret.commands._fit import Fit, begin_tracking
from xret.commands._hubness import correction, plain
from xret.commands._made import load
from xret.commands._measure import Ridge, arrays, encode_split, measure, of_split, picture, require
from xret.commands._parts import by_parts
from xret.commands._rerank import Mix, SecondStage, latency_ms
from xret.commands._retention import Retention
from xret.commands._target import NAME, measure_target
from xret.commands._wise import settle
from xret.metric import TaskLike, Tasks
from xret.metric.evaluate import Evaluation, Vectors
from xret.run import report, tracking
from xret.run.cost import cost
from xret.run.figures import curves
from xret.run.folder import RunFolder

_COSTS = ("train_s", "parameters", "vector_bytes", "encode_per_s", "latency_ms", "seconds")


def objectives(cfg: DictConfig) -> list[str]:
    """Return the names of the figures that a sweep gets."""
    return [cfg.objective] if isinstance(cfg.objective, str) else list(cfg.objective)


def check_names(cfg: DictConfig, measured: Sequence[str]) -> None:
    """Raise before training where ``monitor`` or ``objective`` names no figure.

    Args:
        cfg: of the run.
        measured: the figures of each validation, "val/mrr" and so on.

    Raises:
        UserError: naming it and those that are near.
    """
    _known("monitor", cfg.monitor, measured)
    for name in objectives(cfg):
        if name.startswith("test/"):
            raise UserError(f"objective={name}: to choose by the test split would spoil it; take the same of val/")
        if name.split("/")[0] not in _COSTS:
            _known("objective", name, measured)


def objective(cfg: DictConfig, record: RunFolder) -> float | tuple[float, ...]:
    """Return what a sweep gets of a finished run: one figure, or several.

    Raises:
        UserError: the run has no figure of that name.
    """
    costs = tracking.params_of(record.read_json("cost.json"))
    figures = {**record.read_json("metrics.json"), **{name.replace(".", "/"): value for name, value in costs.items()}}
    values = [float(str(figures[_known("objective", name, list(figures))])) for name in objectives(cfg)]
    return values[0] if isinstance(cfg.objective, str) else tuple(values)


def _known(key: str, name: str, names: Sequence[str]) -> str:
    if name not in names:
        near = difflib.get_close_matches(name, names, n=3) or sorted(names)[:8]
        raise UserError(f"{key}={name} is no figure of this run; did you mean {' or '.join(near)}?")
    return name


def finish(
    cfg: DictConfig,
    record: RunFolder,
    fit: Fit,
    prepared: Prepared,
    protocol: Any,  # noqa: ANN401 - what the config names
    seconds: Mapping[str, float],
    kept: Retention | None = None,
) -> None:
    """Measure the best weights, write the record, close the MLflow run.

    Args:
        cfg: of the run; the test split is measured only if ``test`` is true.
        record: the run folder.
        fit: after its training.
        prepared: the data.
        protocol: items of a split -> tasks.
        seconds: what has been spent so far, by purpose.
        kept: what measures forgetting.
    """
    model = fit.best().model
    metrics: dict[str, float] = settle(cfg, record, model, prepared, fit.validate)
    queries: dict[str, np.ndarray] = {}
    asked = {s: require(of_split(protocol, s), prepared.split(s)[0], s) for s in _splits(cfg)}
    baseline = Ridge(prepared, asked["val"]) if cfg.trial is None else None  # the same for all trials of a sweep
    taught = teacher(cfg, prepared) if distils(cfg) else None
    hubs = correction(cfg, model, prepared)
    mix: Mix | None = None
    second: SecondStage | None = None
    for split, tasks in asked.items():
        vectors = encode_split(model, prepared, split)
        shown = vectors if hubs is None else hubs.of(vectors)
        if model.matcher is not None:
            second = SecondStage(model, prepared, split, tasks, shown, cfg.fusion.rerank_k)
            mix = second.mix = mix or second.choose(cfg.fusion.share)  # val comes first
        result = measure(tasks, shown, cfg.seed, second, cfg.fusion.report if second else "first")
        result = result if hubs is None else hubs.beside(result, tasks, vectors, cfg.seed)
        metrics |= by_parts(model, prepared, split, tasks, vectors, result, hubs.of if hubs else None)
        values = {**result.values, **(baseline.evaluate(tasks, split) if baseline else {})}
        if taught is not None:
            values |= taught.figures(tasks, prepared.split(split)[1], plain(result.values))
        metrics |= {f"{split}/{name}": value for name, value in values.items()}
        queries |= arrays(result, split)
    if kept is not None:
        metrics |= kept.figures(model)
    if prepared.target is not None and cfg.test:
        found = measure_target(model, prepared, prepared.target, protocol, cfg.seed)
        metrics |= {f"{NAME}/{name}": value for name, value in found.values.items()}
        queries |= arrays(found, NAME)
    record.write_arrays("per_query.npz", queries)
    if _detailed(cfg):
        _draw(record, prepared, split, tasks, shown, result)
    metrics |= {name: float(value) for name, value in model.report().items()}
    metrics["best_epoch"] = float(fit.checkpoints.best_epoch)
    if mix is not None:
        mix.save(record)
        metrics |= mix.figures()
    if _detailed(cfg):
        record.write_bytes("curves.png", curves(fit.checkpoints.history))
    usable = {m: np.unique(of_row[of_row >= 0]) for m, of_row in prepared.of_row.items()}
    costs = cost(model, prepared.raw, usable, vectors, seconds["fit"], _timed(cfg))
    if taught is not None:
        costs["teacher"] = taught.cost(usable, prepared.split(split)[1], _timed(cfg))
    if second is not None:
        costs["rerank_latency_ms"] = latency_ms(model, second) if _timed(cfg) else {}
    record.write_json("cost.json", {**costs, "seconds": seconds})
    record.write_json("metrics.json", metrics)
    if fit.logger is not None:
        timed = {f"cost/{direction}/latency_p50_ms": t["p50"] for direction, t in costs["latency_ms"].items()}
        tracking.finish(fit.logger, record, {**metrics, **timed, "cost/fit_s": seconds["fit"]}, "FINISHED")


def _detailed(cfg: DictConfig) -> bool:
    return bool(cfg.details) and cfg.trial is None  # nobody looks at the pictures of forty trials


def _timed(cfg: DictConfig) -> bool:
    return _detailed(cfg) or any(n.startswith(("latency_ms/", "encode_per_s/")) for n in objectives(cfg))


def _splits(cfg: DictConfig) -> list[str]:
    return ["val", "test"] if cfg.test else ["val"]


def _draw(
    record: RunFolder,
    prepared: Prepared,
    split: str,
    tasks: Tasks,
    vectors: Vectors | Callable[[TaskLike], Vectors],
    result: Evaluation,
) -> None:
    """Write the picture of answers, where there are pictures."""
    drawn = picture(prepared, split, tasks, vectors, result)
    if drawn is not None:
        record.write_bytes("answers.png", drawn)


def average(cfg: DictConfig, record: RunFolder, folds: Sequence[RunFolder]) -> None:
    """Write the record of a run of several folds, here and in MLflow: mean figures, their spread, every query once.

    Args:
        cfg: of the run.
        record: its folder.
        folds: the finished runs, one per fold.
    """
    tables = [fold.read_json("metrics.json") for fold in folds]
    names = [n for n in tables[0] if not _interval(n) and all(n in t for t in tables)]  # a fold may lack a kind of item
    metrics = {name: float(np.mean([t[name] for t in tables])) for name in names}
    for name in set(objectives(cfg)) & metrics.keys():
        metrics[f"{name}_std"] = float(np.std([t[name] for t in tables], ddof=1))
    costs = folds[0].read_json("cost.json")
    every = [fold.read_json("cost.json")["seconds"] for fold in folds]
    costs["seconds"] = {name: sum(s[name] for s in every) for name in every[0]}
    costs["train_s"] = costs["seconds"]["fit"]
    queries = [dict(np.load(fold.path / "per_query.npz")) for fold in folds]
    for number, table in enumerate(queries):
        table |= {key: values * len(folds) + number for key, values in table.items() if key.endswith("/fold")}
    record.write_arrays("per_query.npz", {key: np.concatenate([q[key] for q in queries]) for key in queries[0]})
    for name in ("provenance.json", "data_card.json"):
        record.write_json(name, folds[0].read_json(name))
    record.write_json("cost.json", costs)
    logger = begin_tracking(cfg, record, load(cfg), record.read_json("provenance.json")["data_hash"])
    record.write_json("metrics.json", metrics)
    if logger is not None:
        tracking.finish(logger, record, metrics, "FINISHED")


def _interval(name: str) -> bool:
    return name.endswith(("_low", "_high"))  # of one fold; the mean of ends is no interval


def show(cfg: DictConfig, record: RunFolder) -> None:
    """Print the table of a finished run, its cost, and what to type next."""
    metrics, costs = record.read_json("metrics.json"), record.read_json("cost.json")
    print(report.summary(record.path, metrics, costs, cfg.targets or {}), flush=True)
