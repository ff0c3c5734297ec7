"""Hubs: targets that are among the first answers to very many queries."""

import numpy as np

from xret.metric.top_k import top_k


def occurrences(queries: np.ndarray, targets: np.ndarray, k: int = 10) -> np.ndarray:
    """Return (T,) int64: to how many queries each target is among the first k answers.

    Args:
        queries: (Q, D) float32.
        targets: (T, D) float32; the inner product is the score.
        k: answers.

    Raises:
        ValueError: as `top_k`.
    """
    found, _ = top_k(queries, targets, k)
    return np.bincount(found.ravel(), minlength=len(targets))


def skewness(counts: np.ndarray) -> float:
    """Return the skewness of occurrences (T,): 0 where all targets are found as often, large where a few are hubs.

    The third moment about the mean over the third power of the standard deviation; 0 where all counts are equal.

    Source: Radovanović et al. 2010, Hubs in Space, JMLR 11 (sec. 2.1, S_Nk).
    """
    apart = counts - counts.mean()
    spread = np.sqrt((apart**2).mean())
    return float((apart**3).mean() / spread**3) if spread else 0.0
