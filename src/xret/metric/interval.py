"""How far a mean over queries would move with other queries: a bootstrap that keeps related queries together."""

import numpy as np

CHUNK = 2**21  # draws held at a time


def replicate_means(values: np.ndarray, groups: np.ndarray, resamples: int = 1000, seed: int = 0) -> np.ndarray:
    """Return the means of ``resamples`` bootstrap samples of the queries.

    A sample draws groups with replacement, and with a group all its queries: five captions of one photo succeed or
    fail together, and drawing them singly would make the interval too narrow. The draws depend on the number of groups
    and the seed alone, so figures on the same groups may be added or compared replicate by replicate.

    Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, ch. 13; Davison and Hinkley 1997, Bootstrap
    Methods and their Application, sec. 3.8 (clusters).

    Args:
        values: (Q, M) float, M figures of each query.
        groups: (Q,) int64.
        resamples: B.
        seed: equal seeds give equal draws.

    Returns:
        (B, M) float64.

    Raises:
        ValueError: there is no query, or fewer than two resamples.
    """
    if len(values) == 0 or resamples < 2:
        raise ValueError(f"need at least 1 query and 2 resamples, got {len(values)} and {resamples}")
    _, group_of = np.unique(groups, return_inverse=True)
    sizes = np.bincount(group_of).astype(np.float64)
    sums = np.stack([np.bincount(group_of, weights=column) for column in values.T], axis=1)  # (G, M)
    rng = np.random.default_rng(seed)
    means = np.empty((resamples, values.shape[1]))
    step = max(1, CHUNK // len(sizes))
    for start in range(0, resamples, step):
        rows = min(step, resamples - start)
        drawn = rng.integers(len(sizes), size=(rows, len(sizes)), dtype=np.int32)
        times = np.stack([np.bincount(row, minlength=len(sizes)) for row in drawn]).astype(np.float64)
        means[start : start + rows] = (times @ sums) / (times @ sizes)[:, None]
    return means


def percentile_interval(replicates: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and upper end of the percentile interval.

    Args:
        replicates: (B, ...) float.
        confidence: share of the replicates between the ends, in (0, 1).

    Returns:
        Two arrays shaped like one replicate.

    Raises:
        ValueError: confidence is outside (0, 1).
    """
    if not 0 < confidence < 1:
        raise ValueError(f"confidence must be in (0, 1), got {confidence}")
    tail = (1 - confidence) / 2
    low, high = np.quantile(replicates, [tail, 1 - tail], axis=0)
    return low, high
