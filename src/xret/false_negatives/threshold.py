"""Suspects by similarity alone: whatever scores above a fixed value."""

from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks


@dataclass(frozen=True)
class Threshold:
    """Suspect the non-positives that score at least ``least``.

    Source: Huynh et al. 2022, Boosting Contrastive Self-Supervised Learning with False Negative Cancellation,
    https://arxiv.org/abs/2011.11765 (sec. 3.2 and 3.3: elimination, filtered by a threshold). There the score is the
    largest to a set of views of the query; here it is that of query and target.

    Args:
        least: cosine similarity, in (-1, 1].

    Raises:
        ValueError: least is outside (-1, 1].
    """

    least: float = 0.7

    def __post_init__(self) -> None:
        if not -1 < self.least <= 1:
            raise ValueError(f"least must be in (-1, 1], a cosine similarity, got {self.least}")

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of suspects (Q, T) for scores (Q, T) and positives (Q, T)."""
        check_masks(scores, positives=positives)
        return (scores >= self.least) & ~positives
