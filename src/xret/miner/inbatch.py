"""All negatives of the batch."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class InBatch:
    """Every target that is not a positive."""

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return (Q, T) bool."""
        return ~positives & positives.any(dim=1, keepdim=True)
