"""The mean all losses take: over terms, each with the weight of its row."""

import torch
from torch import Tensor


def check_weight(scores: Tensor, weight: Tensor | None) -> None:
    """Raise unless there is one weight per row of ``scores`` (Q, T), or none at all.

    Raises:
        ValueError: weight is not (Q,).
    """
    if weight is not None and weight.shape != scores.shape[:1]:
        raise ValueError(f"weight must hold one number per row ({len(scores)},), got {tuple(weight.shape)}")


def weighted_mean(sums: Tensor, counts: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of terms that come as N sums of several terms each.

    Args:
        sums: (N,) float, sums of terms.
        counts: (N,) float, of how many terms each is the sum.
        weight: (N,) float, the weight of each term of a sum, at least zero; None: all the same.

    Returns:
        () float; zero where no term has weight.
    """
    if weight is not None:
        sums, counts = weight.float() * sums, weight.float() * counts
    total = counts.sum()
    return sums.sum() / torch.where(total > 0, total, 1)
