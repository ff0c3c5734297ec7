"""Moment matching: the target's features get the source's mean and spread, in closed form."""

import numpy as np

_FLAT = 1e-3  # of the largest deviation: a feature that hardly varies in the target is not blown up


def matched(features: np.ndarray, source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return features of target items as the source's would be: each component shifted and scaled.

    It needs no training and no labels, so every adaptation must beat it.

    Source: Li et al. 2016, Revisiting batch normalization for practical domain adaptation,
    https://arxiv.org/abs/1603.04779 (sec. 3), here once, on the features in front of the projection.

    Args:
        features: (N, D) float32, of target items.
        source: (S, D) float32, of source items; two or more.
        target: (T, D) float32, of target items to take the moments from; two or more.

    Raises:
        ValueError: there are fewer than two items, or widths differ.
    """
    if min(len(source), len(target)) < 2 or len({features.shape[1], source.shape[1], target.shape[1]}) != 1:
        raise ValueError(
            f"need two or more items on both sides, and one width, got {features.shape}, {source.shape}, {target.shape}"
        )
    wide = target.astype(np.float64)
    deviation = wide.std(axis=0)
    scale = source.std(axis=0, dtype=np.float64) / (deviation + _FLAT * max(float(deviation.max()), 1e-12))
    moved: np.ndarray = (features - wide.mean(axis=0)) * scale + source.mean(axis=0, dtype=np.float64)
    return moved.astype(np.float32)
