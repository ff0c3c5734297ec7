"""Suspects by comparison: what scores higher than the right answer, by a margin."""

from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks


@dataclass(frozen=True)
class Margin:
    """Suspect the non-positives that score more than ``margin`` above a row's best positive.

    A margin below zero suspects near rivals too; the paper's TopK-MarginPos, which keeps negatives below the positive
    by 0.05, is -0.05. A mismatched positive scores low, and with it nearly everything is suspect: its row pushes
    nothing away.

    Source: Moreira et al. 2024, NV-Retriever, https://arxiv.org/abs/2407.15831 (sec. 4.1, positive-aware mining).

    Args:
        margin: cosine similarity, in [-2, 2].

    Raises:
        ValueError: margin is outside [-2, 2].
    """

    margin: float = 0.1

    def __post_init__(self) -> None:
        if not -2 <= self.margin <= 2:
            raise ValueError(f"margin must be in [-2, 2], the range of a cosine difference, got {self.margin}")

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return suspects (Q, T) for scores (Q, T) and positives (Q, T); none in a row without positives."""
        check_masks(scores, positives=positives)
        best = torch.where(positives, scores, -torch.inf).amax(dim=1, keepdim=True)  # (Q, 1)
        return (scores > best + self.margin) & ~positives & best.isfinite()
