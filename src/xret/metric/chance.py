"""What a ranking drawn at random scores, exactly: the level that a figure has to be read against."""

import numpy as np

from xret.metric import RelevanceArrays
from xret.metric.retrieval import KS, NDCG_AT


def chance_level(relevance: RelevanceArrays, targets: int) -> dict[str, float]:
    """Return the expectation of every figure when all orders of the targets are equally likely.

    For a query with R relevant ones of T targets, and S(k) the probability that none of the first k is relevant:

    - ``recall_at_k`` = 1 - S(k), with S(k) = C(T - R, k) / C(T, k)
    - ``set_recall_at_k`` = min(k, T) / T and ``precision_at_k`` = R / T * min(k, T) / k
    - ``mrr`` = sum over k of (S(k - 1) - S(k)) / k, and ``mean_rank`` = sum over k of S(k) = (T + 1) / (R + 1)
    - ``map`` = (H_T + (R - 1) / (T - 1) * (T - H_T)) / T, with H_n the n-th harmonic number: rank k is relevant with
      probability R / T, and of the k - 1 ranks before it the share (R - 1) / (T - 1); ``map_at_r`` stops at rank R
    - ``ndcg_at_10``: each rank expects the mean gain of a target
    - ``median_rank``: the median of the best rank of a query drawn at random, ranked at random

    Args:
        relevance: offsets (Q+1,), columns (P,) and gains (P,), see the package.
        targets: T.

    Returns:
        name -> mean over the queries.
    """
    offsets, _, gains = relevance
    counts, queries = np.unique(np.diff(offsets), return_counts=True)  # queries with the same R share everything
    share = queries / queries.sum()
    none_yet = np.zeros(targets + 1)
    for relevant, weight in zip(counts.tolist(), share, strict=True):
        none_yet += weight * _none_yet(relevant, targets)
    k = np.arange(1, targets + 1)
    level = {f"recall_at_{n}": float(1 - none_yet[min(n, targets)]) for n in KS}
    level |= {f"set_recall_at_{n}": min(n, targets) / targets for n in KS}
    level |= {f"precision_at_{n}": float(share @ counts) / targets * min(n, targets) / n for n in KS}
    harmonic = np.cumsum(1 / k)
    others = (counts - 1) / max(1, targets - 1)  # share of relevant ones among the other targets
    level["map"] = float(share @ (harmonic[-1] + others * (targets - harmonic[-1]))) / targets
    level["map_at_r"] = float(share @ (harmonic[counts - 1] + others * (counts - harmonic[counts - 1]))) / targets
    level["mrr"] = float(((none_yet[:-1] - none_yet[1:]) / k).sum())
    level[f"ndcg_at_{NDCG_AT}"] = _ndcg(offsets, gains, targets)
    level["mean_rank"] = float(none_yet.sum())
    level["median_rank"] = float(np.argmax(none_yet <= 0.5))
    return level


def _none_yet(relevant: int, targets: int) -> np.ndarray:
    """Return (T+1,) float64: the probability that none of the first k targets is relevant, for k from 0 to T."""
    k = np.arange(targets)
    return np.concatenate(([1.0], np.cumprod(np.maximum(0, targets - relevant - k) / (targets - k))))


def _ndcg(offsets: np.ndarray, gains: np.ndarray, targets: int) -> float:
    counts = np.diff(offsets)
    row_of = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(gains)) - offsets[row_of]
    discounts = 1 / np.log2(np.arange(NDCG_AT) + 2)
    best = gains[np.lexsort((-gains, row_of))] * np.append(discounts, 0)[np.minimum(place, NDCG_AT)]
    ideal = np.bincount(row_of, weights=best)
    return float(np.mean(np.bincount(row_of, weights=gains) / targets * discounts[:targets].sum() / ideal))
