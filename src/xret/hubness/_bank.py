"""What corrections ask of a bank: how near its queries come to each target."""

from collections.abc import Iterator

import numpy as np

_BLOCK = 2048


def check_bank(bank: np.ndarray, targets: np.ndarray) -> None:
    """Raise ValueError unless there is a bank, and both have the same dimension."""
    if not len(bank) or bank.ndim != 2 or targets.ndim != 2 or bank.shape[1] != targets.shape[1]:
        raise ValueError(f"bank and targets must be (N, D) and (T, D), N > 0, got {bank.shape} and {targets.shape}")


def scores_of_targets(bank: np.ndarray, targets: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield some targets at a time, and their scores (t, N) float32 with the whole bank."""
    for begin in range(0, len(targets), _BLOCK):
        where = slice(begin, begin + _BLOCK)
        yield where, targets[where] @ bank.T


def mean_of_nearest(bank: np.ndarray, targets: np.ndarray, neighbours: int) -> np.ndarray:
    """Return (T,) float32: the mean score of each target with the ``neighbours`` queries of the bank nearest to it."""
    count = min(neighbours, len(bank))
    found = np.zeros(len(targets), np.float32)
    for where, scores in scores_of_targets(bank, targets):
        found[where] = np.partition(scores, -count, axis=1)[:, -count:].mean(axis=1)
    return found
