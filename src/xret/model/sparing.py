"""A miner that spares suspects."""

from collections.abc import Callable

import torch
from torch import Tensor

Choice = Callable[[Tensor, Tensor], Tensor]
_FARTHEST = -1.0  # a miner sees suspects at the far end of all cosines, where it looks last


class Sparing:
    """Let a miner choose, but never what a filter suspects to be a right answer.

    Args:
        miner: ``miner(scores, positives) -> negatives``, see `xret.miner`.
        suspect: ``suspect(scores, positives) -> suspects``, see `xret.false_negatives`.
    """

    def __init__(self, miner: Choice, suspect: Choice) -> None:
        self.miner, self.suspect = miner, suspect

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of negatives (Q, T), as a miner does."""
        suspects = self.suspect(scores, positives)
        return self.miner(scores.masked_fill(suspects, _FARTHEST), positives) & ~suspects
