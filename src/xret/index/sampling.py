"""Vectors that come in shards: how many there are, and some of them."""

from collections.abc import Iterable

import numpy as np


def size(shards: Iterable[np.ndarray]) -> tuple[int, int]:
    """Return how many vectors there are, and how long each is.

    Raises:
        ValueError: there is none, or their lengths differ.
    """
    shapes = [shard.shape for shard in shards]
    dims = sorted({shape[1] for shape in shapes})
    if len(dims) != 1 or not sum(shape[0] for shape in shapes):
        raise ValueError(f"an index needs vectors of one length, got {len(shapes)} shards of lengths {dims}")
    return sum(shape[0] for shape in shapes), dims[0]


def rows(shards: Iterable[np.ndarray], positions: np.ndarray) -> np.ndarray:
    """Return the vectors (P, D) float32 at positions (P,), in that order; only they are read."""
    order = np.argsort(positions, kind="stable")
    wanted, pieces, begin = positions[order], [], 0
    for shard in shards:
        low, high = np.searchsorted(wanted, [begin, begin + len(shard)])
        pieces.append(np.asarray(shard[wanted[low:high] - begin], np.float32))
        begin += len(shard)
    found = np.concatenate(pieces)
    result = np.empty_like(found)
    result[order] = found
    return result


def draw(shards: Iterable[np.ndarray], count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return at most ``count`` vectors (P, D) drawn evenly from all, and their positions (P,), ascending."""
    total, _ = size(shards)
    rng = np.random.default_rng(seed)
    positions = np.arange(total) if count >= total else np.sort(rng.choice(total, count, replace=False))
    return rows(shards, positions), positions
