"""The objective of retrieval: a loss on the scores of a batch, its negatives chosen by a miner."""

from collections.abc import Callable
from itertools import combinations

import torch
from torch import Tensor, nn

from xret._errors import UserError
from xret.data.batch import related
from xret.model.bank import Bank
from xret.model.step import Pairs, Step


class Retrieval(nn.Module):
    """Loss and miner, in both directions, averaged.

    Two items of a batch are positives when they share a group; neither direction ever sees the other rows of a group
    as negatives. The targets of a query are those of `Step.shared` and, behind them, what the bank holds. What is
    neither right nor wrong (`xret.data.batch.related`) is out of a miner's sight, and no negative.

    Args:
        loss: ``loss(scores, positives, negatives, weight) -> scalar``, see `xret.loss`.
        miner: ``miner(scores, positives) -> negatives``, see `xret.miner`.
        bank: vectors of past batches, further targets of every query; None: there are none.
        weight: of the loss beside other objectives; 0 leaves its backward pass out.

    Raises:
        UserError: weight is negative.
    """

    def __init__(
        self,
        loss: nn.Module,
        miner: Callable[[Tensor, Tensor], Tensor],
        bank: Bank | None = None,
        weight: float = 1.0,
    ) -> None:
        super().__init__()
        if weight < 0:
            raise UserError(f"the weight of the clean retrieval loss must be at least 0, got {weight}")
        self.loss = loss
        self.miner = miner
        self.bank = bank
        self.weight = weight

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"retrieval": ()}``, weighted."""
        loss = self.criterion(step)
        if self.bank is not None:
            step.health.update(self.bank.health())
        return {"retrieval": self.weight * loss if self.weight else torch.zeros_like(loss)}

    def criterion(self, step: Step) -> Tensor:
        """Return the loss without its weight; health gets the share of rows for which the miner found a negative."""
        losses, found = [], []
        for scores, positives, neither in self._directions(step.shared):
            negatives = self._mined(scores, positives, neither)
            losses.append(self.loss(scores, positives, negatives, step.shared.weight))
            found.append(negatives.any(dim=1).float().mean())
        step.health["rows_with_negative"] = torch.stack(found).mean()
        return torch.stack(losses).mean()

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
        for scores, positives, neither in self._directions(step.shared):
            flat = scores.mean().expand_as(scores)
            real = self.loss(scores, positives, self._mined(scores, positives, neither), weight)
            rest = self.loss(flat, positives, self._mined(flat, positives, neither), weight)
            stuck = (real - rest).abs() <= tolerance * rest.abs().clamp(min=1e-6)
            verdicts.append(stuck & (scores.std() < tolerance))
        return torch.stack(verdicts).all()

    def _mined(self, scores: Tensor, positives: Tensor, neither: Tensor | None) -> Tensor:
        """Return the negatives (Q, T); to the miner, what is neither right nor wrong is as far away as can be."""
        if neither is None:
            return self.miner(scores, positives)
        return self.miner(scores.detach().masked_fill(neither, -1), positives) & ~neither

    def _directions(self, pairs: Pairs) -> list[tuple[Tensor, Tensor, Tensor | None]]:
        """Return scores (N, N + n) float32, what is right and what is neither, for every ordered pair of modalities.

        The first N targets are those of the pairs, the others the n that the bank holds.
        """
        positives, neither = self._relation(pairs)
        directions = []
        with torch.autocast(positives.device.type, enabled=False):
            for query, target in combinations(pairs.vectors, 2):
                scores = pairs.vectors[query] @ pairs.vectors[target].T
                directions += [(self._widened(pairs, query, target, scores), positives, neither)]
                directions += [(self._widened(pairs, target, query, scores.T), positives, neither)]  # it is symmetric
        return directions

    def _relation(self, pairs: Pairs) -> tuple[Tensor, Tensor | None]:
        """Return which targets (N, N + n) are right, and which are neither; the same in every direction."""
        own = pairs.group, pairs.others
        positives, neither = related(own, own)
        if self.bank is None or not self.bank.filled:
            return positives, neither
        again, doubtful = related(own, self.bank.groups())
        neither = torch.zeros_like(positives) if neither is None else neither
        doubtful = torch.zeros_like(again) if doubtful is None else doubtful
        return torch.cat([positives, again], dim=1), torch.cat([neither, doubtful], dim=1)

    def _widened(self, pairs: Pairs, query: str, target: str, scores: Tensor) -> Tensor:
        """Return scores (N, N) with n columns more, one for each row of the bank."""
        if self.bank is None or not self.bank.filled:
            return scores
        return torch.cat([scores, pairs.vectors[query] @ self.bank.held(target).T], dim=1)
