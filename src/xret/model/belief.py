"""How far each pair of a step is believed, and how often that is right where the truth is known."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret.model.step import Step


class Belief(nn.Module):
    """Feeds the losses of a step's pairs to a scheme of `xret.robust` and returns the weights it answers with.

    Health gets ``clean_share``, the share of the pairs that are not doubted; and, where it is known which pairs are
    mismatched, ``noise_precision`` and ``noise_recall`` of the doubted pairs and ``noise_auc``, the probability that a
    mismatched pair weighs less than a true one (a tie counts half). They are those of the last verdict before the
    epoch.

    Args:
        robust: see `xret.robust`.
        noisy: (R,) bool, the rows that are mismatched; None where nobody knows.
    """

    def __init__(self, robust: nn.Module, noisy: Tensor | None = None) -> None:
        super().__init__()
        self.robust: Any = robust
        self.register_buffer("noisy", noisy, persistent=False)  # what a checkpoint need not tell
        self._epoch = -1
        self._report: dict[str, Tensor] = {}

    @torch.no_grad()
    def forward(self, step: Step) -> Tensor:
        """Return (N,) float, what each pair of `Step.everywhere` weighs."""
        if step.epoch != self._epoch:
            self._epoch = step.epoch
            self.robust.renew(step.epoch)
            self._report = self.report()
        step.health.update(self._report)
        pairs = step.everywhere
        loss = pair_losses(pairs.vectors, pairs.group, self.robust.temperature)
        weight: Tensor = self.robust(pairs.row, loss)
        return weight

    @torch.no_grad()
    def report(self) -> dict[str, Tensor]:
        """Return the health of the verdicts so far, each () float; nothing before there are any."""
        known = self.robust.known
        if not bool(known.any()):
            return {}
        doubted, weight = self.robust.doubted()[known], self.robust.weight()[known]
        report = {"clean_share": 1 - doubted.float().mean()}
        noisy = self.noisy
        if isinstance(noisy, Tensor):
            report |= found(doubted, weight, noisy[known])
        return report


def found(doubted: Tensor, weight: Tensor, noisy: Tensor) -> dict[str, Tensor]:
    """Return precision, recall and area under the curve of verdicts on pairs, each () float.

    Args:
        doubted: (N,) bool.
        weight: (N,) float, smaller for what is more doubtful.
        noisy: (N,) bool, the truth. Where all or none of the pairs are noisy the area is 0.5.
    """
    hits = (doubted & noisy).sum()
    true = weight[~noisy].sort().values
    below, level = (torch.searchsorted(true, weight[noisy], right=right) for right in (False, True))
    pairs = len(true) * len(below)
    area = 1 - (below + level).sum() / (2 * pairs) if pairs else torch.full_like(weight[:1].sum(), 0.5)
    return {
        "noise_precision": hits / doubted.sum().clamp(min=1),
        "noise_recall": hits / noisy.sum().clamp(min=1),
        "noise_auc": area,
    }


def pair_losses(vectors: Mapping[str, Tensor], group: Tensor, temperature: float) -> Tensor:
    """Return how badly each pair of a batch stands among the others, (B,) float32.

    For pair i, the mean over both directions of every two modalities of

        log(1 + sum over the pairs k of other groups of exp((s_ik - s_ii) / temperature))

    Args:
        vectors: modality -> (B, D) unit vectors.
        group: (B,) int64.
        temperature: cosine scores are divided by it.
    """
    same = group[:, None] == group[None, :]
    losses = []
    with torch.autocast(group.device.type, enabled=False):
        for query, target in combinations(vectors, 2):
            logits = vectors[query].float() @ vectors[target].float().T / temperature
            rivals = logits.masked_fill(same, -torch.inf)
            losses += [F.softplus(rivals.logsumexp(dim=d) - logits.diagonal()) for d in (1, 0)]
    return torch.stack(losses).mean(dim=0)
