"""The objective of retrieval: a loss on the scores of a batch, its negatives chosen by a miner."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from xret._errors import UserError
from xret.model.step import Step


class Retrieval(nn.Module):
    """Loss and miner, in both directions, averaged.

    Two items of a batch are positives when they share a group; neither direction ever sees the other rows of a group
    as negatives.

    Args:
        loss: ``loss(scores, positives, negatives, weight) -> scalar``, see `xret.loss`.
        miner: ``miner(scores, positives) -> negatives``, see `xret.miner`.
        weight: of the loss beside other objectives; 0 leaves its backward pass out.

    Raises:
        UserError: weight is negative.
    """

    def __init__(self, loss: nn.Module, miner: Callable[[Tensor, Tensor], Tensor], weight: float = 1.0) -> None:
        super().__init__()
        if weight < 0:
            raise UserError(f"the weight of the clean retrieval loss must be at least 0, got {weight}")
        self.loss = loss
        self.miner = miner
        self.weight = weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"retrieval": ()}``, weighted."""
        loss = self.criterion(step)
        return {"retrieval": self.weight * loss if self.weight else torch.zeros_like(loss)}

    def criterion(self, step: Step) -> Tensor:
        """Return the loss without its weight; health gets the share of rows for which the miner found a negative."""
        losses, found = [], []
        for scores, positives in self._directions(step):
            negatives = self.miner(scores, positives)
            losses.append(self.loss(scores, positives, negatives, step.batch.weight))
            found.append(negatives.any(dim=1).float().mean())
        step.health["rows_with_negative"] = torch.stack(found).mean()
        return torch.stack(losses).mean()

    @torch.no_grad()
    def collapsed(self, step: Step, tolerance: float = 0.01) -> Tensor:
        """Tell whether the scores carry no more than a constant would.

        That is the state hard mining can fall into: all vectors are one, and the loss rests at the value it takes when
        every score is equal (the margin, for a triplet loss).

        Args:
            step: an encoded batch.
            tolerance: how near to that value, relative to it, counts as resting there; and the spread of scores below
                which they count as equal.

        Returns:
            () bool, true when it holds in every direction.
        """
        verdicts = []
        for scores, positives in self._directions(step):
            flat = scores.mean().expand_as(scores)
            real = self.loss(scores, positives, self.miner(scores, positives), step.batch.weight)
            rest = self.loss(flat, positives, self.miner(flat, positives), step.batch.weight)
            stuck = (real - rest).abs() <= tolerance * rest.abs().clamp(min=1e-6)
            verdicts.append(stuck & (scores.std() < tolerance))
        return torch.stack(verdicts).all()

    @staticmethod
    def _directions(step: Step) -> list[tuple[Tensor, Tensor]]:
        """Return scores (B, B) float32 and positives (B, B) for every ordered pair of modalities."""
        positives = step.batch.group[:, None] == step.batch.group[None, :]
        directions = []
        with torch.autocast(positives.device.type, enabled=False):
            for query, target in combinations(step.encoded, 2):
                scores = step.encoded[query].vector @ step.encoded[target].vector.T
                directions += [(scores, positives), (scores.T, positives)]  # positives are symmetric
        return directions
