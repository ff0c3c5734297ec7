"""Ranks after a second stage that orders the first few answers anew."""

import numpy as np

from xret.metric import RelevanceArrays
from xret.metric.ranks import ranks_from_scores


def reranked(
    ranks: np.ndarray,
    candidates: np.ndarray,
    scores: np.ndarray,
    relevance: RelevanceArrays,
    tie_tolerance: float = 0.0,
) -> np.ndarray:
    """Return the rank of every relevant target when a query's candidates are ordered by ``scores``.

    Candidates stay ahead of all other targets, and these keep the order and the ranks that the first stage gave them:
    what is beyond the first K is out of reach. Ties among candidates are pessimistic, as in `ranks.ranks_from_scores`.

    Args:
        ranks: (P,) int64, of the first stage, in the order of the relevance's columns.
        candidates: (Q, K) int64, the first K targets of each query, each once.
        scores: (Q, K) float, of the second stage, larger is better.
        relevance: offsets (Q+1,), columns (P,) and gains (P,), see the package.
        tie_tolerance: scores closer than this are tied.

    Returns:
        (P,) int64.

    Raises:
        ValueError: shapes do not fit, or a score is not finite.
    """
    offsets, columns, gains = relevance
    if candidates.shape != scores.shape or len(candidates) != len(offsets) - 1 or ranks.shape != columns.shape:
        raise ValueError(
            f"need candidates and scores (Q, K) of {len(offsets) - 1} queries and a rank for each of {len(columns)} "
            f"relevant targets, got {candidates.shape}, {scores.shape} and {ranks.shape}"
        )
    row_of = np.repeat(np.arange(len(candidates)), np.diff(offsets))
    among = candidates[row_of] == columns[:, None]  # (P, K)
    inside = among.any(axis=1)
    counts = np.bincount(row_of[inside], minlength=len(candidates))
    asked = np.flatnonzero(counts)
    if not len(asked):
        return ranks.copy()
    few = np.concatenate([[0], np.cumsum(counts[asked])])
    new = ranks.copy()
    new[inside] = ranks_from_scores(scores[asked], (few, among[inside].argmax(axis=1), gains[inside]), tie_tolerance)
    return new
