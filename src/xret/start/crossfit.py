"""Vectors of pairs from starts that were fitted without them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_MOST = 1024  # pairs that are judged among each other
_MOST_ACROSS = 2048  # pairs whose halves are scored against each other


def held_out(
    start: Any,  # noqa: ANN401 - a start as `xret.start` describes it
    pairs: Mapping[str, np.ndarray],
    dim: int,
    groups: np.ndarray,
    folds: int,
    rng: np.random.Generator,
    weight: np.ndarray | None = None,
) -> Iterator[tuple[np.ndarray, dict[str, np.ndarray]]]:
    """Yield every pair once, mapped by a start that saw no pair of its group.

    A start bends towards every pair it is fitted on, the false ones too; to those it never saw it owes nothing.

    Args:
        start: see `xret.start`.
        pairs: modality -> (N, D) float32.
        dim: K, size of the common space.
        groups: (N,) int64; pairs of one group are held out together.
        folds: into how many parts the groups are cut.
        rng: decides which groups come together.
        weight: (N,) float, how much each pair counts in the fit.

    Yields:
        Pairs (B,) int64, at most 1,024 and nearly equally many each time, and modality -> (B, K) float32 unit vectors.

    Raises:
        ValueError: there are fewer groups than folds, or as the start.
    """
    fold = _folds(groups, folds, rng)
    for held in range(folds):
        inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
        part = None if weight is None else weight[outside]
        maps = start({m: x[outside] for m, x in pairs.items()}, dim, part)
        for rows in np.array_split(rng.permutation(inside), -(-len(inside) // _MOST)):
            yield rows, {m: _unit(maps[m].apply(x[rows])) for m, x in pairs.items()}


def scores_across(
    start: Any,  # noqa: ANN401 - a start as `xret.start` describes it
    pairs: Mapping[str, np.ndarray],
    dim: int,
    groups: np.ndarray,
    folds: int,
    repeats: int,
    rng: np.random.Generator,
    plan: Any,  # noqa: ANN401 - a sparse array
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield every pair once, among others, with the scores of all their halves by starts that did not see them.

    The score of what row i holds of the first modality and row j of the second is the mean of that by starts fitted
    without row i, and of that by starts fitted without row j: neither was told that both belong together.

    Args:
        start: see `xret.start`.
        pairs: two modalities -> (N, D) float32.
        dim: K, size of the common space.
        groups: (N,) int64; pairs of one group are held out together.
        folds: into how many parts the groups are cut.
        repeats: how often they are cut anew.
        rng: decides which groups come together.
        plan: (N, N), what belongs together as far as is known.

    Yields:
        Rows (B,) int64, at most 2,048 and nearly equally many each time, and their scores (B, B) float32.

    Raises:
        ValueError: there are fewer groups than folds, or as the start.
    """
    first, second = pairs
    fits = []
    for fold in [_folds(groups, folds, rng) for _ in range(repeats)]:
        for held in range(folds):
            kept = (fold != held).astype(np.float64)
            fits.append((fold == held, start(pairs, dim, plan=plan.multiply(kept[:, None]).multiply(kept[None, :]))))
    for rows in np.array_split(rng.permutation(len(groups)), -(-len(groups) // _MOST_ACROSS)):
        scores = np.zeros((len(rows), len(rows)), np.float32)
        for held, maps in fits:
            a, b = (_unit(maps[m].apply(pairs[m][rows])) for m in (first, second))
            inside = held[rows]
            scores[inside] += a[inside] @ b.T
            scores[:, inside] += a @ b[inside].T
        yield rows, scores / (2 * repeats)


def _folds(groups: np.ndarray, folds: int, rng: np.random.Generator) -> np.ndarray:
    """Return the fold (N,) of each row; rows of one group share it."""
    _, number = np.unique(groups, return_inverse=True)
    count = int(number.max()) + 1
    if count < folds:
        raise ValueError(f"{count} groups cannot be cut into {folds} folds; lower robust.start_folds")
    fold: np.ndarray = (rng.permutation(count) % folds)[number]
    return fold


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
