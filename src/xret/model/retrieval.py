"""The objective of retrieval: a loss on the scores of a batch, its negatives chosen by a miner."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from xret.model.step import Step


class Retrieval(nn.Module):
    """Loss and miner, in both directions, averaged.

    Two items of a batch are positives when they share a group; neither direction ever sees the other rows of a group
    as negatives. What is neither right nor wrong (`Batch.relation`) is out of a miner's sight, and no negative.

    Args:
        loss: ``loss(scores, positives, negatives, weight) -> scalar``, see `xret.loss`.
        miner: ``miner(scores, positives) -> negatives``, see `xret.miner`.
    """

    def __init__(self, loss: nn.Module, miner: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"retrieval": ()}``; health gets the share of rows for which the miner found a negative."""
        losses, found = [], []
        positives, neither = step.batch.relation()
        for scores in self._directions(step):
            negatives = self._mined(scores, positives, neither)
            losses.append(self.loss(scores, positives, negatives, step.batch.weight))
            found.append(negatives.any(dim=1).float().mean())
        step.health["rows_with_negative"] = torch.stack(found).mean()
        return {"retrieval": torch.stack(losses).mean()}

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
        positives, neither = step.batch.relation()
        for scores in self._directions(step):
            flat = scores.mean().expand_as(scores)
            real = self.loss(scores, positives, self._mined(scores, positives, neither), step.batch.weight)
            rest = self.loss(flat, positives, self._mined(flat, positives, neither), step.batch.weight)
            stuck = (real - rest).abs() <= tolerance * rest.abs().clamp(min=1e-6)
            verdicts.append(stuck & (scores.std() < tolerance))
        return torch.stack(verdicts).all()

    def _mined(self, scores: Tensor, positives: Tensor, neither: Tensor | None) -> Tensor:
        """Return the negatives (B, B); to the miner, what is neither right nor wrong is as far away as can be."""
        if neither is None:
            return self.miner(scores, positives)
        return self.miner(scores.detach().masked_fill(neither, -1), positives) & ~neither

    @staticmethod
    def _directions(step: Step) -> list[Tensor]:
        """Return scores (B, B) float32 for every ordered pair of modalities."""
        directions = []
        with torch.autocast(step.batch.group.device.type, enabled=False):
            for query, target in combinations(step.encoded, 2):
                scores = step.encoded[query].vector @ step.encoded[target].vector.T
                directions += [scores, scores.T]  # what is right and wrong is symmetric
        return directions
