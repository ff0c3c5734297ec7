"""The figures of a protocol's tasks, their intervals and their chance level, as one flat dictionary."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from xret.metric import TaskLike, Tasks
from xret.metric.chance import chance_level
from xret.metric.interval import percentile_interval, replicate_means
from xret.metric.ranks import ranks_from_vectors
from xret.metric.retrieval import KS, MEANS, per_query

RSUM_PARTS = tuple(f"recall_at_{k}" for k in KS)


SecondStage = Callable[[TaskLike, np.ndarray], np.ndarray]
"""(task, ranks (P,) of the first stage) -> ranks (P,) in the end."""

Vectors = Mapping[str, np.ndarray]
"""Modality -> (N, D) float32 of all items, as the tasks' positions count them."""


@dataclass(frozen=True)
class Evaluation:
    """What a set of vectors achieves.

    Attributes:
        values: "text_to_image/recall_at_10" -> 0.59, and so on; see `evaluate`.
        per_query: direction -> name -> (Q,) array. Beside the figures of `retrieval.per_query` there are ``query``
            (int64, position of the item in its modality), ``group`` (int64) and ``fold`` (int64). Folds follow each
            other.
    """

    values: dict[str, float]
    per_query: dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True)
class _Fold:
    """One direction in one fold: figures per query, chance level, and the means of bootstrap samples."""

    task: TaskLike
    figures: dict[str, np.ndarray]
    chance: dict[str, float]
    replicates: np.ndarray | None  # (B, M)


def evaluate(
    tasks: Tasks,
    vectors: Vectors | Callable[[TaskLike], Vectors],
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
    seed: int = 0,
    tie_tolerance: float = 1e-6,
    threads: int | None = None,
    second: SecondStage | None = None,
) -> Evaluation:
    """Rank every target for every query and sum the ranks up.

    Keys are "<query>_to_<target>/<figure>", the figures being those of `retrieval.MEANS` and ``median_rank``; with
    ``_low`` and ``_high`` the ends of the bootstrap interval of each mean; with ``chance_`` before it the figure of a
    random order; and ``queries``, ``targets``, ``left_out`` as counts (the mean of the folds for targets, else their
    sum). A figure is computed in each fold and averaged over the folds of its direction.

    Where the tasks are the two directions of one pair of modalities, ``rsum`` is the sum of R@1, R@5 and R@10 in both,
    in percent points (0 to 600), as the field states it; with its interval where both directions ask the same groups.

    Args:
        tasks: of a protocol; all folds of all directions.
        vectors: unit vectors; or a task -> those that it is measured by, of any length.
        resamples: bootstrap samples; 0 leaves the intervals out.
        confidence: of the intervals, in (0, 1).
        seed: of the bootstrap.
        tie_tolerance: cosines closer than this are tied.
        threads: how many at a time; None for as many as BLAS may use.
        second: changes the ranks that the vectors gave; None leaves them.

    Returns:
        Figures and per-query values.

    Raises:
        ValueError: there is no task, a modality has no vectors, or a vector is not finite.
    """
    if not tasks:
        raise ValueError("evaluate needs at least one task, got none")
    directions: dict[str, list[_Fold]] = defaultdict(list)
    for task in tasks:
        given = vectors(task) if callable(vectors) else vectors
        missing = {task.query, task.target} - given.keys()
        if missing:
            raise ValueError(f"{task.name} needs vectors of {sorted(missing)}, got those of {sorted(given)}")
        ranks = ranks_from_vectors(
            given[task.query],
            given[task.target],
            task.relevance,
            task.queries,
            task.targets,
            tie_tolerance,
            threads,
        )
        if second is not None:
            ranks = second(task, ranks)
        figures = per_query(ranks, task.relevance)
        stacked = np.stack(list(figures.values()), axis=1)
        replicates = replicate_means(stacked, task.groups, resamples, seed + task.fold) if resamples else None
        chance = chance_level(task.relevance, len(task.targets))
        directions[task.name].append(_Fold(task, figures, chance, replicates))
    values: dict[str, float] = {}
    for name, folds in directions.items():
        values |= {f"{name}/{key}": value for key, value in _summary(folds, confidence).items()}
    values |= _rsum(directions, confidence)
    return Evaluation(values, {name: _stored(folds) for name, folds in directions.items()})


def _summary(folds: list[_Fold], confidence: float) -> dict[str, float]:
    summary = {name: _fold_mean(folds, name) for name in MEANS}
    summary["median_rank"] = float(np.mean([np.median(fold.figures["mean_rank"]) for fold in folds]))
    replicates = _replicates(folds)
    if replicates is not None:
        for name, low, high in zip(MEANS, *percentile_interval(replicates, confidence), strict=True):
            summary |= {f"{name}_low": float(low), f"{name}_high": float(high)}
    for name in folds[0].chance:
        summary[f"chance_{name}"] = _fold_mean_chance(folds, name)
    summary["queries"] = float(sum(len(fold.task.queries) for fold in folds))
    summary["targets"] = float(np.mean([len(fold.task.targets) for fold in folds]))
    summary["left_out"] = float(sum(fold.task.left_out for fold in folds))
    return summary


def _fold_mean(folds: list[_Fold], name: str) -> float:
    return float(np.mean([fold.figures[name].mean(dtype=np.float64) for fold in folds]))


def _fold_mean_chance(folds: list[_Fold], name: str) -> float:
    return float(np.mean([fold.chance[name] for fold in folds]))


def _replicates(folds: list[_Fold]) -> np.ndarray | None:
    drawn = [fold.replicates for fold in folds if fold.replicates is not None]
    return np.mean(drawn, axis=0) if drawn else None


def _rsum(directions: Mapping[str, list[_Fold]], confidence: float) -> dict[str, float]:
    """Return rsum, its chance level and its interval, or nothing unless there are two opposite directions."""
    if len(directions) != 2:
        return {}
    there, back = directions.values()
    if (there[0].task.query, there[0].task.target) != (back[0].task.target, back[0].task.query):
        return {}
    both = (there, back)
    values = {
        "rsum": 100 * sum(_fold_mean(folds, name) for folds in both for name in RSUM_PARTS),
        "chance_rsum": 100 * sum(_fold_mean_chance(folds, name) for folds in both for name in RSUM_PARTS),
    }
    replicates = [_replicates(folds) for folds in both]
    if all(_same_groups(one, other) for one, other in zip(there, back, strict=False)) and replicates[0] is not None:
        columns = [MEANS.index(name) for name in RSUM_PARTS]
        sums = sum(100 * drawn[:, columns].sum(axis=1) for drawn in replicates if drawn is not None)
        low, high = percentile_interval(np.asarray(sums), confidence)
        values |= {"rsum_low": float(low), "rsum_high": float(high)}
    return values


def _same_groups(one: _Fold, other: _Fold) -> bool:
    return np.array_equal(np.unique(one.task.groups), np.unique(other.task.groups))


def _stored(folds: list[_Fold]) -> dict[str, np.ndarray]:
    stored = {name: np.concatenate([fold.figures[name] for fold in folds]) for name in MEANS}
    stored["query"] = np.concatenate([fold.task.queries for fold in folds])
    stored["group"] = np.concatenate([fold.task.groups for fold in folds])
    stored["fold"] = np.repeat([fold.task.fold for fold in folds], [len(fold.task.queries) for fold in folds])
    return stored
