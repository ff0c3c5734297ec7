"""Vectors of pairs from starts that were fitted without them."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

_MOST = 1024  # pairs that are judged among each other


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
    _, number = np.unique(groups, return_inverse=True)
    count = int(number.max()) + 1
    if count < folds:
        raise ValueError(f"{count} groups cannot be cut into {folds} folds; lower robust.start_folds")
    fold = (rng.permutation(count) % folds)[number]
    for held in range(folds):
        inside, outside = np.flatnonzero(fold == held), np.flatnonzero(fold != held)
        part = None if weight is None else weight[outside]
        maps = start({m: x[outside] for m, x in pairs.items()}, dim, part)
        for rows in np.array_split(rng.permutation(inside), -(-len(inside) // _MOST)):
            yield rows, {m: _unit(maps[m].apply(x[rows])) for m, x in pairs.items()}


def _unit(vectors: np.ndarray) -> np.ndarray:
    unit: np.ndarray = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    return unit
