"""The objective of retrieval: a loss on the scores of a batch, its negatives chosen by a miner."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from xret.model.bank import Bank
from xret.model.step import Pairs, Step


class Retrieval(nn.Module):
    """Loss and miner, in both directions, averaged.

    Two items of a batch are positives when they share a group; neither direction ever sees the other rows of a group
    as negatives. The targets of a query are those of `Step.shared` and, behind them, what the bank holds.

    Args:
        loss: ``loss(scores, positives, negatives, weight) -> scalar``, see `xret.loss`.
        miner: ``miner(scores, positives) -> negatives``, see `xret.miner`.
        bank: vectors of past batches, further targets of every query; None: there are none.
    """

    def __init__(self, loss: nn.Module, miner: Callable[[Tensor, Tensor], Tensor], bank: Bank | None = None) -> None:
        super().__init__()
        self.loss = loss
        self.miner = miner
        self.bank = bank

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"retrieval": ()}``; health gets the share of rows for which the miner found a negative."""
        losses, found = [], []
        for scores, positives in self._directions(step.shared):
            negatives = self.miner(scores, positives)
            losses.append(self.loss(scores, positives, negatives, step.shared.weight))
            found.append(negatives.any(dim=1).float().mean())
        step.health["rows_with_negative"] = torch.stack(found).mean()
        if self.bank is not None:
            step.health.update(self.bank.health())
        return {"retrieval": torch.stack(losses).mean()}

    def remember(self, step: Step) -> None:
        """Put the pairs of a step into the bank, where there is one."""
        if self.bank is not None:
            self.bank.put(step.everywhere)

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
        weight = step.shared.weight
        for scores, positives in self._directions(step.shared):
            flat = scores.mean().expand_as(scores)
            real = self.loss(scores, positives, self.miner(scores, positives), weight)
            rest = self.loss(flat, positives, self.miner(flat, positives), weight)
            stuck = (real - rest).abs() <= tolerance * rest.abs().clamp(min=1e-6)
            verdicts.append(stuck & (scores.std() < tolerance))
        return torch.stack(verdicts).all()

    def _directions(self, pairs: Pairs) -> list[tuple[Tensor, Tensor]]:
        """Return scores (N, N + n) float32 and positives (N, N + n) for every ordered pair of modalities.

        The first N targets are those of the pairs, the others the n that the bank holds.
        """
        positives = pairs.group[:, None] == pairs.group[None, :]
        directions = []
        with torch.autocast(positives.device.type, enabled=False):
            for query, target in combinations(pairs.vectors, 2):
                scores = pairs.vectors[query] @ pairs.vectors[target].T
                directions += [self._widened(pairs, query, target, scores, positives)]
                directions += [self._widened(pairs, target, query, scores.T, positives)]  # positives are symmetric
        return directions

    def _widened(
        self, pairs: Pairs, query: str, target: str, scores: Tensor, positives: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return scores and positives (N, N) with n columns more, one for each row of the bank."""
        if self.bank is None or not self.bank.filled:
            return scores, positives
        again = pairs.group[:, None] == self.bank.groups()[None, :]
        further = pairs.vectors[query] @ self.bank.held(target).T
        return torch.cat([scores, further], dim=1), torch.cat([positives, again], dim=1)
