"""Random negatives: a few of the non-positives, all equally likely."""

from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks
from xret.miner._choose import best, candidates


@dataclass(frozen=True)
class Random:
    """Draw k negatives per row, uniformly and without replacement, anew in each call.

    Args:
        k: negatives per row; fewer where a row has fewer non-positives.

    Raises:
        ValueError: k is below 1.
    """

    k: int = 1

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1 negative per row, got {self.k}")

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of the negatives drawn.

        Args:
            scores: (Q, T) float, cosine similarity; only its shape matters.
            positives: (Q, T) bool. A row without positives yields no negatives.

        Returns:
            (Q, T) bool, disjoint from ``positives``.
        """
        check_masks(scores, positives=positives)
        return best(torch.rand(scores.shape, device=scores.device), candidates(positives), self.k)
