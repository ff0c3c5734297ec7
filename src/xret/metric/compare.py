"""Which difference between two settings is real: each trained with several seeds, all asked the same queries.

Two things vary and both count: the seeds a setting was trained with, and the queries it was asked. A percentile
bootstrap that draws both with replacement is too sure of itself where there are two seeds, or one against several: the
spread of S draws from S seeds is too small, and no quantile of it knows that few seeds say little. So the two parts are
measured apart and added up with Student's t, as wide as their number warrants::

    half width^2 = t(clusters)^2 * V_queries + t(seeds)^2 * V_seeds

``V_queries`` is the variance of the difference over bootstrap samples of the queries, drawn in groups, the same draws
for both settings and all seeds. ``V_seeds`` is the variance of the means of single seeds over their number. The choice
of queries moves single seeds too, and would be counted twice: the share (S - 1) / (S + 1) of what it explains is taken
off, never below zero, where there are S seeds. The p-value is the confidence at which the interval ends at zero.

Source: the sum of squared half widths is Banerjee 1960, Sankhya 22, which never covers less than it says. Crossed
seeds and queries: Owen 2007, The pigeonhole bootstrap, https://arxiv.org/abs/0712.1111. The share was chosen by
simulation, between taking off all of it (too sure with two seeds) and none (small differences are hardly ever found);
``experiments/bench_compare.py`` measures how often the rule is right.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from xret.metric.student_t import t_quantile

_SHARED = 0.99  # confidence at which equal seeds must be shown to move both settings alike
_CHUNK = 2**21  # draws held at a time


@dataclass(frozen=True)
class Block:
    """What the runs of a setting, or of several, answered to the queries of one direction and fold.

    Attributes:
        values: (Q, M) float, one column per run.
        groups: (Q,) int64, queries of one group are drawn together.
        fold: groups are drawn within a fold.
    """

    values: np.ndarray
    groups: np.ndarray
    fold: int = 0


@dataclass(frozen=True)
class Sample:
    """Means of the runs of one setting, and how they move with the queries.

    Attributes:
        means: (S,) float64, one per seed.
        replicates: (B, S) float64, the means over bootstrap samples of the queries.
        clusters: groups of queries that were drawn.
        dof: clusters less the folds they were drawn in.
    """

    means: np.ndarray
    replicates: np.ndarray
    clusters: int
    dof: int

    def of(self, columns: Sequence[int]) -> "Sample":
        """Return the sample of some of the runs."""
        return Sample(self.means[list(columns)], self.replicates[:, list(columns)], self.clusters, self.dof)


@dataclass(frozen=True)
class Estimate:
    """A mean or a difference of means with its interval.

    Attributes:
        value: the mean over seeds and queries, or the difference.
        low: end of the 95 % interval.
        high: end of the 95 % interval.
        p: of a difference, two-sided p-value of its being zero; 1 for a mean, which is not tested.
        paired_seeds: equal seeds were shown to move both settings alike, and were compared one by one.
    """

    value: float
    low: float
    high: float
    p: float = 1.0
    paired_seeds: bool = False


@dataclass(frozen=True)
class _Spread:
    """Variance of a mean in its two parts, with the degrees of freedom of each."""

    queries: float
    queries_dof: float
    seeds: float = 0.0
    seeds_dof: float = 1.0

    def half_width(self, alpha: float) -> float:
        """Return half the width of the interval that misses with probability ``alpha``."""
        of_queries, of_seeds = t_quantile(self.queries_dof, alpha), t_quantile(self.seeds_dof, alpha)
        return math.sqrt(of_queries**2 * self.queries + of_seeds**2 * self.seeds)

    def interval(self, value: float) -> Estimate:
        """Return the value with its interval."""
        half = self.half_width(0.05)
        return Estimate(value, value - half, value + half)

    def p(self, value: float) -> float:
        """Return the probability at which the interval around the value ends at zero."""
        low, high = 0.0, 1.0  # the half width falls from infinity to zero between them
        for _ in range(36):
            middle = (low + high) / 2
            low, high = (low, middle) if self.half_width(middle) < abs(value) else (middle, high)
        return high


def draw(blocks: Sequence[Block], resamples: int = 2000, seed: int = 0) -> Sample:
    """Return the mean over blocks, and its bootstrap replicates, of every run.

    Args:
        blocks: of all directions and folds that count, each with the same weight and the same M runs.
        resamples: B.
        seed: equal seeds and equal groups give equal draws, so that differences may be taken replicate by replicate.

    Returns:
        The sample of the M runs.

    Raises:
        ValueError: there are fewer than two resamples, or fewer than two groups of queries in a fold.
    """
    if resamples < 2:
        raise ValueError(f"need at least 2 resamples, got {resamples}")
    folds = sorted({block.fold for block in blocks})
    total = np.zeros((resamples, blocks[0].values.shape[1]))
    clusters = 0
    for fold in folds:
        inside = [block for block in blocks if block.fold == fold]
        names = np.unique(np.concatenate([block.groups for block in inside]))
        if len(names) < 2:
            raise ValueError(f"need at least 2 groups of queries to see how they vary, got {len(names)}")
        clusters += len(names)
        total += _drawn(inside, names, resamples, seed + fold)
    means = np.mean([block.values.mean(axis=0, dtype=np.float64) for block in blocks], axis=0)
    return Sample(means, total / len(blocks), clusters, clusters - len(folds))


def _drawn(blocks: Sequence[Block], names: np.ndarray, resamples: int, seed: int) -> np.ndarray:
    """Return (B, M) sums over blocks of the means in samples of the groups ``names``."""
    tables = []
    for block in blocks:
        place = np.searchsorted(names, block.groups)
        columns = [np.bincount(place, weights=column, minlength=len(names)) for column in block.values.T]
        tables.append((np.stack(columns, axis=1), np.bincount(place, minlength=len(names)).astype(np.float64)))
    rng = np.random.default_rng(seed)
    total = np.zeros((resamples, tables[0][0].shape[1]))
    step = max(1, _CHUNK // len(names))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(len(names), size=(rows, len(names)))
        times = np.stack([np.bincount(row, minlength=len(names)) for row in drawn]).astype(np.float64)
        for sums, sizes in tables:
            total[start : start + rows] += (times @ sums) / np.maximum(times @ sizes, 1)[:, None]
    return total


def mean(sample: Sample) -> Estimate:
    """Return the mean of a setting over seeds and queries; with one seed the interval is about that one model."""
    spread = _of_queries(sample.replicates.mean(axis=1), sample)
    if len(sample.means) > 1:
        part = _beyond_queries(*_of_seeds(sample.means, sample.replicates), len(sample.means)) / len(sample.means)
        spread = _Spread(spread.queries, spread.queries_dof, part, len(sample.means) - 1)
    return spread.interval(float(sample.means.mean()))


def difference(one: Sample, other: Sample, *, same_queries: bool = True, same_seeds: bool = False) -> Estimate:
    """Return the mean of ``one`` less that of ``other``.

    Where only one of them has several seeds, the other is taken to vary as much; where neither has, the seeds are not
    in the interval, which then is about these two models and not about their settings.

    Args:
        one: of a setting.
        other: of the baseline, drawn with the same seed.
        same_queries: both were asked the same queries, which then are drawn together.
        same_seeds: column i of both had the same seed. They are compared one by one only where three or more show, at
            99 %, that they move both settings alike: pairs that share nothing cost half the degrees of freedom.
    """
    value = float(one.means.mean() - other.means.mean())
    means = one.replicates.mean(axis=1), other.replicates.mean(axis=1)
    if same_queries:
        queries = _of_queries(means[0] - means[1], one)
    else:
        parts = [_of_queries(m, s) for m, s in zip(means, (one, other), strict=True)]
        queries = _Spread(sum(p.queries for p in parts), min(p.queries_dof for p in parts))
    paired = same_seeds and same_queries and _move_alike(one.means, other.means)
    if paired:
        count = len(one.means)
        parts_of_seeds = _of_seeds(one.means - other.means, one.replicates - other.replicates)
        seeds, dof = _beyond_queries(*parts_of_seeds, count) / count, count - 1.0
    else:
        seeds, dof = _apart(one, other)
    spread = _Spread(queries.queries, queries.queries_dof, seeds, dof)
    return replace(spread.interval(value), p=spread.p(value), paired_seeds=paired)


def _of_queries(replicates: np.ndarray, sample: Sample) -> _Spread:
    """Return the variance over replicates, freed of the bias of drawing from as many clusters as there are."""
    return _Spread(float(replicates.var(ddof=1)) * sample.clusters / sample.dof, sample.dof)


def _of_seeds(means: np.ndarray, replicates: np.ndarray) -> tuple[float, float]:
    """Return the variance of the mean of one seed, and what the choice of queries alone would make of it."""
    apart = replicates - replicates.mean(axis=1, keepdims=True)
    return float(means.var(ddof=1)), float(apart.var(axis=0, ddof=1).sum()) / (len(means) - 1)


def _beyond_queries(variance: float, explained: float, seeds: int) -> float:
    """Return the variance less the share of what the queries explain that so few seeds warrant; none for one seed."""
    return max(variance - (seeds - 1) / (seeds + 1) * explained, 0.0)


def _apart(one: Sample, other: Sample) -> tuple[float, float]:
    """Return the seeds' part of the variance of a difference and its degrees of freedom; 0 without a second seed.

    The degrees of freedom are those of the setting with fewer seeds: on the safe side of Welch's, whose estimate from
    so few seeds is itself unsure.
    """
    counts = [len(one.means), len(other.means)]
    known = [_of_seeds(s.means, s.replicates) for s in (one, other) if len(s.means) > 1]
    if not known:
        return 0.0, 1.0
    fewest = min(n for n in counts if n > 1)
    of_one, of_other = known[0], known[-1]
    variance, explained = (a / counts[0] + b / counts[1] for a, b in zip(of_one, of_other, strict=True))
    return _beyond_queries(variance, explained, fewest if len(known) == 2 else 1), fewest - 1.0


def _move_alike(one: np.ndarray, other: np.ndarray) -> bool:
    """Tell whether the means of equal seeds are correlated beyond doubt."""
    if len(one) < 3 or one.std() == 0 or other.std() == 0:
        return False
    r = float(np.corrcoef(one, other)[0, 1])
    return r > 0 and r * math.sqrt((len(one) - 2) / max(1 - r * r, 1e-12)) > t_quantile(len(one) - 2, 2 * (1 - _SHARED))


def holm(p: Sequence[float]) -> list[float]:
    """Return p-values corrected for their number.

    Source: Holm 1979, A simple sequentially rejective multiple test procedure, Scandinavian Journal of Statistics 6.
    """
    corrected = [0.0] * len(p)
    largest = 0.0
    for place, i in enumerate(sorted(range(len(p)), key=p.__getitem__)):
        largest = max(largest, min(1.0, (len(p) - place) * p[i]))
        corrected[i] = largest
    return corrected
