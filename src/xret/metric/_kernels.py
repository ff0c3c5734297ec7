"""The loops that have to be compiled. They release the GIL and work on a tile that lies in the cache."""

import numba
import numpy as np


@numba.njit(nogil=True, cache=True)
def hide(tile: np.ndarray, first: int, offsets: np.ndarray, columns: np.ndarray) -> None:
    """Set the scores of relevant targets to -inf, so that counting sees irrelevant ones only.

    Args:
        tile: (q, t) float, scores of q queries with the targets from ``first`` on; changed in place.
        first: the target in the first column.
        offsets: (q+1,) int64, row i owns the entries offsets[i] to offsets[i + 1] of ``columns``.
        columns: (p,) int64, relevant targets; those outside the tile are passed over.
    """
    width = tile.shape[1]
    for i in range(tile.shape[0]):
        for p in range(offsets[i], offsets[i + 1]):
            j = columns[p] - first
            if 0 <= j < width:
                tile[i, j] = -np.inf


@numba.njit(nogil=True, cache=True)
def count_at_least(tile: np.ndarray, offsets: np.ndarray, thresholds: np.ndarray, counts: np.ndarray) -> None:
    """Add to ``counts[k, p]`` how many scores of p's row are at least ``thresholds[k, p]``.

    Args:
        tile: (q, t) float.
        offsets: (q+1,) int64, row i owns the entries p from offsets[i] to offsets[i + 1].
        thresholds: (n, p) float.
        counts: (n, p) int64, changed in place.
    """
    for i in range(tile.shape[0]):
        row = tile[i]
        for p in range(offsets[i], offsets[i + 1]):
            for k in range(thresholds.shape[0]):
                threshold = thresholds[k, p]
                found = np.uint32(0)  # 32 bits: the loop below then fills whole vector registers
                for j in range(row.size):
                    found = np.uint32(found + np.uint32(row[j] >= threshold))
                counts[k, p] += found


@numba.njit(nogil=True, cache=True)
def count_at_least_sorted(tile: np.ndarray, offsets: np.ndarray, thresholds: np.ndarray, counts: np.ndarray) -> None:
    """Do what `count_at_least` does, for rows in ascending order: log2(t) steps per threshold instead of t."""
    width = tile.shape[1]
    for i in range(tile.shape[0]):
        for p in range(offsets[i], offsets[i + 1]):
            for k in range(thresholds.shape[0]):
                low, high = 0, width
                while low < high:
                    middle = (low + high) // 2
                    if tile[i, middle] >= thresholds[k, p]:
                        high = middle
                    else:
                        low = middle + 1
                counts[k, p] += width - low


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract"})
def _product(x: np.ndarray, y: np.ndarray) -> float:
    """Return the dot product of two (D,) vectors in float64."""
    total = 0.0
    for d in range(x.size):
        total += np.float64(x[d]) * np.float64(y[d])
    return total


@numba.njit(nogil=True, cache=True)
def products(queries: np.ndarray, targets: np.ndarray, offsets: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Write the dot product of each query with some targets, in float64.

    Args:
        queries: (q, D) float32.
        targets: (T, D) float32.
        offsets: (q+1,) int64, query i owns the entries p from offsets[i] to offsets[i + 1].
        rows: (p,) int64, rows of ``targets``.
        out: (p,) float64, changed in place.
    """
    for i in range(queries.shape[0]):
        for p in range(offsets[i], offsets[i + 1]):
            out[p] = _product(queries[i], targets[rows[p]])


@numba.njit(nogil=True, cache=True)
def settle(
    tile: np.ndarray,
    queries: np.ndarray,
    targets: np.ndarray,
    offsets: np.ndarray,
    low: np.ndarray,
    high: np.ndarray,
    thresholds: np.ndarray,
    counts: np.ndarray,
) -> None:
    """Decide in float64 about the scores that a float32 product leaves in doubt.

    Args:
        tile: (q, t) float32, products of the two that follow.
        queries: (q, D) float32.
        targets: (t, D) float32.
        offsets: (q+1,) int64, row i owns the entries p from offsets[i] to offsets[i + 1].
        low: (p,) float32, scores below it are below the threshold for certain.
        high: (p,) float32, scores from it on are above the threshold for certain.
        thresholds: (p,) float64.
        counts: (2, p) int64, how many scores reach low and high; those in doubt that reach the threshold are added to
            the second.
    """
    for i in range(tile.shape[0]):
        for p in range(offsets[i], offsets[i + 1]):
            if counts[0, p] == counts[1, p]:
                continue
            for j in range(tile.shape[1]):
                if low[p] <= tile[i, j] < high[p] and _product(queries[i], targets[j]) >= thresholds[p]:
                    counts[1, p] += 1


@numba.njit(nogil=True, cache=True)
def keep_best(tile: np.ndarray, first: int, scores: np.ndarray, indices: np.ndarray) -> None:
    """Merge a tile into the best k targets found so far; of equal scores the lower index stays ahead.

    Args:
        tile: (q, t) float, scores with the targets from ``first`` on; tiles must come in ascending order.
        first: the target in the first column.
        scores: (q, k) float, descending, changed in place; -inf where nothing was found yet.
        indices: (q, k) int64, changed in place.
    """
    last = scores.shape[1] - 1
    for i in range(tile.shape[0]):
        for j in range(tile.shape[1]):
            score = tile[i, j]
            if score > scores[i, last]:
                k = last
                while k > 0 and score > scores[i, k - 1]:
                    scores[i, k] = scores[i, k - 1]
                    indices[i, k] = indices[i, k - 1]
                    k -= 1
                scores[i, k] = score
                indices[i, k] = first + j
