"""The closed-form baseline: a linear map between the frozen features of two modalities."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from xret.metric import Tasks
from xret.metric._tiles import blas
from xret.metric.evaluate import evaluate

STRENGTHS = (0.003, 0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0)
FLAT = 1e-6  # a feature whose spread is below this share of the largest carries nothing but rounding


@dataclass(frozen=True)
class RidgeMap:
    """A linear map from features of one modality to those of another, both standardised.

    Attributes:
        weights: (Dx, Dy) float32, between standardised features.
        x_mean: (Dx,) float32.
        x_scale: (Dx,) float32, multiplies what is left after subtracting the mean.
        y_mean: (Dy,) float32.
        y_scale: (Dy,) float32.
        strength: the lambda the map was fitted with.
    """

    weights: np.ndarray
    x_mean: np.ndarray
    x_scale: np.ndarray
    y_mean: np.ndarray
    y_scale: np.ndarray
    strength: float

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Return (N, Dy) float32 unit vectors for (N, Dx) features: where their partners should lie."""
        return _unit(((x - self.x_mean) * self.x_scale) @ self.weights)

    def place(self, y: np.ndarray) -> np.ndarray:
        """Return (N, Dy) float32 unit vectors for (N, Dy) features: where they do lie."""
        return _unit((y - self.y_mean) * self.y_scale)


@dataclass(frozen=True)
class RidgeBaseline:
    """For each direction, the modality that is mapped, the map, and what it reached on validation data.

    Attributes:
        maps: direction -> (modality that is mapped, map).
        validation: direction -> MRR on the validation tasks.
    """

    maps: Mapping[str, tuple[str, RidgeMap]]
    validation: Mapping[str, float]

    def evaluate(
        self, tasks: Tasks, features: Mapping[str, np.ndarray], threads: int | None = None
    ) -> dict[str, float]:
        """Return the figures of the baseline, "text_to_image/ridge_recall_at_10" and so on, and "ridge_rsum".

        Args:
            tasks: of a protocol, in directions that were fitted.
            features: modality -> (N, D) float32, as the tasks' positions count them.
            threads: how many at a time; None for as many as BLAS may use.

        Raises:
            ValueError: a direction was not fitted.
        """
        unknown = sorted({task.name for task in tasks} - self.maps.keys())
        if unknown:
            raise ValueError(
                f"the baseline was fitted for {sorted(self.maps)}, got {unknown}: fit it on these directions"
            )
        values: dict[str, float] = {}
        for name in dict.fromkeys(task.name for task in tasks):
            mine = [task for task in tasks if task.name == name]
            source, ridge = self.maps[name]
            other = mine[0].target if source == mine[0].query else mine[0].query
            vectors = {source: ridge.predict(features[source]), other: ridge.place(features[other])}
            for key, value in evaluate(mine, vectors, resamples=0, threads=threads).values.items():
                figure = key.split("/")[1]
                if not figure.startswith("chance_") and figure not in ("queries", "targets", "left_out"):
                    values[f"{name}/ridge_{figure}"] = value
        if (
            len({frozenset((task.query, task.target)) for task in tasks}) == 1
            and len({task.name for task in tasks}) == 2
        ):
            parts = [value for key, value in values.items() if "/ridge_recall_at_" in key]
            values["ridge_rsum"] = 100 * sum(parts)
        return values


def fit_ridge(x: np.ndarray, y: np.ndarray, strengths: Sequence[float] = STRENGTHS) -> list[RidgeMap]:
    """Return one ridge regression from x to y for each strength, from a single decomposition.

    Features are standardised to mean 0 and variance 1. With X, Y of N rows, a map minimises

        |X W - Y|^2 / N + lambda |W|^2,    W = (X'X + N lambda I)^-1 X'Y = X' (XX' + N lambda I)^-1 Y

    in whichever of the two forms has the smaller matrix; products over the rows in float32, the rest in float64.

    Source: Hoerl and Kennard 1970, Ridge regression, Technometrics 12(1), eq. 2.1.

    Args:
        x: (N, Dx) float.
        y: (N, Dy) float, row i is the partner of row i of x.
        strengths: values of lambda, above 0; 1 weighs a weight like the variance of a feature.

    Raises:
        ValueError: fewer than two pairs, values that are not finite, or a strength that is not above 0.
    """
    if len(x) != len(y) or len(x) < 2:
        raise ValueError(f"x and y must have the same number of rows, at least 2, got {len(x)} and {len(y)}")
    if not (np.isfinite(x).all() and np.isfinite(y).all()):
        raise ValueError("features must be finite, got nan or inf")
    if not strengths or min(strengths) <= 0:
        raise ValueError(f"strengths must be above 0, got {list(strengths)}")
    (x_mean, x_scale), (y_mean, y_scale) = _spread(x), _spread(y)
    a = ((x - x_mean) * x_scale).astype(np.float32)
    b = ((y - y_mean) * y_scale).astype(np.float32)
    primal = a.shape[1] <= len(a)
    gram = a.T @ a if primal else a @ a.T
    with blas().limit(limits=1):  # threads that wait for each other make this several times slower on a busy machine
        eigenvalues, basis = np.linalg.eigh(gram.astype(np.float64))
    right = basis.T @ (a.T @ b) if primal else basis.T @ b
    left = basis if primal else a.T @ basis
    maps = []
    for strength in strengths:
        shrunk = right / (np.maximum(eigenvalues, 0) + strength * len(a))[:, None]
        weights = (left @ shrunk).astype(np.float32)
        maps.append(RidgeMap(weights, x_mean, x_scale, y_mean, y_scale, strength))
    return maps


def ridge_baseline(
    pairs: Mapping[str, np.ndarray],
    tasks: Tasks,
    features: Mapping[str, np.ndarray],
    strengths: Sequence[float] = STRENGTHS,
    threads: int | None = None,
) -> RidgeBaseline:
    """Fit maps between all modalities both ways and, for each direction, keep what ranks best on validation data.

    A direction may map its queries into the space of the targets or its targets into that of the queries: whichever
    map and strength have the highest MRR on the validation tasks. Often both directions choose the same map.

    Args:
        pairs: modality -> (N, D) float32 features of the training pairs; row i of each belongs together.
        tasks: validation tasks.
        features: modality -> (M, D) float32 features of the validation items, as the tasks' positions count them.
        strengths: values of lambda to try.
        threads: how many at a time; None for as many as BLAS may use.

    Raises:
        ValueError: as `fit_ridge`; or there is no task.
    """
    if not tasks:
        raise ValueError("the baseline needs validation tasks to choose by, got none")
    maps: dict[str, tuple[str, RidgeMap]] = {}
    best: dict[str, float] = {}
    wanted = {name for task in tasks for name in ((task.query, task.target), (task.target, task.query))}
    for source, other in itertools.permutations(sorted(pairs), 2):
        if (source, other) not in wanted:
            continue
        mine = [task for task in tasks if {task.query, task.target} == {source, other}]
        for ridge in fit_ridge(pairs[source], pairs[other], strengths):
            vectors = {source: ridge.predict(features[source]), other: ridge.place(features[other])}
            values = evaluate(mine, vectors, resamples=0, threads=threads).values
            for name in dict.fromkeys(task.name for task in mine):
                if values[f"{name}/mrr"] > best.get(name, -1.0):
                    best[name] = values[f"{name}/mrr"]
                    maps[name] = (source, ridge)
    return RidgeBaseline(maps, best)


def _spread(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and one over the standard deviation, 0 for a feature that does not vary."""
    deviation = features.std(axis=0, dtype=np.float64)
    varies = deviation > FLAT * deviation.max()
    scale = np.divide(1, deviation, out=np.zeros_like(deviation), where=varies)
    return features.mean(axis=0, dtype=np.float64).astype(np.float32), scale.astype(np.float32)


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit.astype(np.float32)
