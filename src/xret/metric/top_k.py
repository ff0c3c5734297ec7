"""The best targets of some queries, exact: what a person looks at."""

import numpy as np

from xret.metric._kernels import keep_best
from xret.metric._tiles import TARGETS, Gathered, blocks, each_block, new_buffer, scores_into
from xret.metric.ranks import check_finite


def top_k(
    queries: np.ndarray, targets: np.ndarray, k: int = 10, threads: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k targets closest to each query, best first; of equal scores the lower index.

    Args:
        queries: (Q, D) float32 unit vectors.
        targets: (T, D) float32 unit vectors.
        k: results per query; T where there are fewer targets.
        threads: how many at a time; None for as many as BLAS may use.

    Returns:
        indices (Q, K) int64 and scores (Q, K) float32, K = min(k, T).

    Raises:
        ValueError: k is below 1, a vector is not finite, or shapes do not fit.
    """
    if k < 1:
        raise ValueError(f"k must be at least 1, got {k}")
    if queries.ndim != 2 or targets.ndim != 2 or queries.shape[1] != targets.shape[1]:
        raise ValueError(f"queries and targets must be (Q, D) and (T, D), got {queries.shape} and {targets.shape}")
    check_finite(queries, "query vectors")
    check_finite(targets, "target vectors")
    asked = Gathered(np.asarray(queries, dtype=np.float32), np.arange(len(queries)))
    ranked = Gathered(np.asarray(targets, dtype=np.float32), np.arange(len(targets)))
    scores = np.full((len(queries), min(k, len(targets))), -np.inf, dtype=np.float32)
    indices = np.zeros(scores.shape, dtype=np.int64)
    if not scores.size:
        return indices, scores

    def work(start: int, stop: int) -> None:
        buffer = new_buffer()
        for first, last in blocks(len(ranked), TARGETS):
            tile = scores_into(buffer, asked.take(start, stop), ranked.take(first, last))
            keep_best(tile, first, scores[start:stop], indices[start:stop])

    each_block(len(asked), work, threads)
    return indices, scores
