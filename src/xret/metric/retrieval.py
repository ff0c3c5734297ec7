"""Retrieval figures of each query, from the ranks of its relevant targets."""

import numpy as np

from xret.metric import RelevanceArrays

KS = (1, 5, 10)
NDCG_AT = 10
MEANS = (
    *(f"recall_at_{k}" for k in KS),
    *(f"set_recall_at_{k}" for k in KS),
    *(f"precision_at_{k}" for k in KS),
    "map",
    "map_at_r",
    "mrr",
    f"ndcg_at_{NDCG_AT}",
    "mean_rank",
)
"""Figures of a task that are the mean of a figure of its queries."""


def per_query(ranks: np.ndarray, relevance: RelevanceArrays) -> dict[str, np.ndarray]:
    """Return the figures of each query, as fractions of 1.

    With R relevant targets of a query, at ranks r_1 < ... < r_R:

    - ``recall_at_k``: 1 if r_1 <= k, else 0. What the field calls R@K: a hit.
    - ``set_recall_at_k``: share of the R relevant targets with rank <= k. Recall proper.
    - ``precision_at_k``: number of relevant targets with rank <= k, over k, even where there are fewer than k targets.
    - ``map``: mean over all R of i / r_i. Nothing is cut off.
    - ``map_at_r``: the same sum over those with r_i <= R, over R (Musgrave et al. 2020,
      https://arxiv.org/abs/2003.08505, sec. 3.2).
    - ``mrr``: 1 / r_1.
    - ``ndcg_at_10``: sum of gain / log2(rank + 1) up to rank 10, over that of the best order; gains are linear, as in
      trec_eval.
    - ``mean_rank``: r_1, a rank and not a fraction; its mean over queries gives the name.

    Args:
        ranks: (P,) int64 from 1, distinct within a query, in the order of the relevance's columns.
        relevance: offsets (Q+1,), columns (P,) and gains (P,), see the package.

    Returns:
        name -> (Q,) float32, for each name in `MEANS`.
    """
    offsets, _, gains = relevance
    counts = np.diff(offsets)
    row_of = np.repeat(np.arange(len(counts)), counts)
    place = np.arange(len(ranks)) - offsets[row_of] + 1
    ordered = ranks[np.lexsort((ranks, row_of))]  # r_1 < r_2 < ... in each query; row_of and place stay as they are
    best = ordered[offsets[:-1]]

    def total(values: np.ndarray) -> np.ndarray:
        return np.bincount(row_of, weights=values, minlength=len(counts))

    figures: dict[str, np.ndarray] = {f"recall_at_{k}": best <= k for k in KS}
    found = {k: total(ranks <= k) for k in KS}
    figures |= {f"set_recall_at_{k}": found[k] / counts for k in KS}
    figures |= {f"precision_at_{k}": found[k] / k for k in KS}
    precision = place / ordered
    figures["map"] = total(precision) / counts
    figures["map_at_r"] = total(precision * (ordered <= counts[row_of])) / counts
    figures["mrr"] = 1 / best
    best_place = np.empty_like(place)
    best_place[np.lexsort((-gains, row_of))] = place
    figures[f"ndcg_at_{NDCG_AT}"] = total(_discounted(gains, ranks)) / total(_discounted(gains, best_place))
    figures["mean_rank"] = best
    return {name: figures[name].astype(np.float32) for name in MEANS}


def _discounted(gains: np.ndarray, ranks: np.ndarray) -> np.ndarray:
    return np.where(ranks <= NDCG_AT, gains / np.log2(ranks + 1), 0)
