"""The mean all losses take: over terms that are summed per row, each row with its weight."""

from torch import Tensor


def weighted_mean(sums: Tensor, counts: Tensor, weight: Tensor | None) -> Tensor:
    """Return the mean of terms of which each row holds a sum and a count.

    Args:
        sums: (Q,) float, sum of the terms of a row.
        counts: (Q,) number of terms of a row.
        weight: (Q,) float, weight of each term of a row, at least zero; None: all the same.

    Returns:
        () float; zero where no term has weight.

    Raises:
        ValueError: weight is not one number per row.
    """
    if weight is None:
        return sums.sum() / counts.sum().clamp(min=1)
    if weight.shape != counts.shape:
        raise ValueError(f"weight must hold one number per row {tuple(counts.shape)}, got {tuple(weight.shape)}")
    weight = weight.float()
    total = (weight * counts).sum()
    return (weight * sums).sum() / total.where(total > 0, 1)
