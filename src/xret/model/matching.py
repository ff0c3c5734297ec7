"""The objective of matching: tell a pair that belongs together from one that only looks like it."""

from itertools import combinations

import torch
import torch.distributed
import torch.nn.functional as F
from torch import Tensor, nn

from xret.encoder import Encoded
from xret.model.dual_encoder import Side
from xret.model.step import Step


class Matching(nn.Module):
    """Binary cross-entropy of the model's matcher on the pairs of a batch and on hard negatives among them.

    For each row and each direction, ``negatives`` wrong partners are drawn with the probability that a softmax of the
    dual encoder's scores gives them; two rows of one group are never drawn as a wrong pair. Vectors reach the matcher
    without gradient, so the first stage is trained by retrieval alone; tokens carry theirs to encoders that train.

    Source: Li et al. 2021, ALBEF, https://arxiv.org/abs/2107.07651 (sec. 3.2, image-text matching with contrastive hard
    negatives); Li et al. 2022, BLIP, https://arxiv.org/abs/2201.12086 (sec. 3.2). There one negative is drawn for each
    row and direction at the learned temperature; here both are settings.

    Args:
        weight: of the loss beside retrieval.
        negatives: wrong partners per row and direction.
        temperature: of the softmax they are drawn from, in cosine; small ones draw the hardest.
        pairs: of a batch, drawn anew in each step, that are matched with each other; None: all of them.

    Raises:
        ValueError: an argument is not positive, or fewer than two pairs are asked for.
    """

    def __init__(
        self, weight: float = 1.0, negatives: int = 1, temperature: float = 0.1, pairs: int | None = 16
    ) -> None:
        super().__init__()
        if weight <= 0 or negatives < 1 or temperature <= 0:
            raise ValueError(
                f"weight, negatives and temperature must be positive, got {weight}, {negatives} and {temperature}"
            )
        if pairs is not None and pairs < 2:
            raise ValueError(f"pairs must be at least 2, or null for the whole batch, got {pairs}")
        self.weight, self.negatives, self.temperature, self.pairs = weight, negatives, temperature, pairs

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"matching": ()}``, nats per pair times ``weight``; zero where all pairs weigh nothing.

        Health gets ``matching_accuracy``, the mean of the shares of right and of wrong pairs that are told as such, and
        ``matching_rows_with_negative``.

        Raises:
            UserError: an encoder gave no tokens.
        """
        matcher = step.model.matcher
        assert matcher is not None
        batch = step.batch
        chosen = torch.randperm(len(batch), device=batch.group.device)[: self.pairs]
        right, neither = (None if part is None else part[chosen][:, chosen] for part in batch.relation())
        assert right is not None
        allowed = ~right if neither is None else ~(right | neither)
        sides = {m: step.model.read(m, _some(step.encoded[m], chosen)) for m in matcher.readers}
        weight = batch.weight[chosen]
        parts = [self._pair(matcher, sides[a], sides[b], allowed, weight) for a, b in combinations(sides, 2)]
        loss, accuracy, found = (torch.stack(part).mean() for part in zip(*parts, strict=True))
        step.health |= {"matching_accuracy": accuracy, "matching_rows_with_negative": found}
        return {"matching": self.weight * loss}

    def _pair(
        self,
        matcher: nn.Module,
        first: Side,
        second: Side,
        allowed: Tensor,
        weight: Tensor,
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return loss, accuracy and share of rows with a negative for one pair of modalities."""
        rows = torch.arange(len(weight), device=weight.device)
        with torch.no_grad(), torch.autocast(weight.device.type, enabled=False):
            scores = first.vector @ second.vector.T
        asked = rows.repeat_interleave(self.negatives)
        lefts, rights, weights = [rows], [rows], [weight]
        for left, found in ((True, self.draw(scores, allowed)), (False, self.draw(scores.T, allowed))):
            wrong = found.flatten()
            lefts.append(asked if left else wrong)
            rights.append(wrong if left else asked)
            weights.append(weight[asked] * allowed.any(dim=1)[asked])
        logits = matcher(first.at(torch.cat(lefts)), second.at(torch.cat(rights)))
        right = (torch.arange(len(logits), device=logits.device) < len(rows)).float()
        weigh = torch.cat(weights)
        losses = F.binary_cross_entropy_with_logits(logits, right, reduction="none")
        loss = (losses * weigh).sum() / weigh.sum().clamp(min=torch.finfo(weigh.dtype).tiny)
        with torch.no_grad():
            told = ((logits > 0) == (right > 0)).float() * (weigh > 0)
            share = [(told * part).sum() / ((weigh > 0) * part).sum().clamp(min=1) for part in (right, 1 - right)]
        return loss, torch.stack(share).mean(), allowed.any(dim=1).float().mean()

    def draw(self, scores: Tensor, allowed: Tensor) -> Tensor:
        """Return for each row ``negatives`` columns among the allowed ones, the closer the likelier.

        Args:
            scores: (B, B) cosines.
            allowed: (B, B) bool; a row without any gets columns that mean nothing.

        Returns:
            (B, negatives) int64; with repetition.
        """
        likely = (scores / self.temperature).masked_fill(~allowed, -torch.inf)
        likely = likely.masked_fill(~allowed.any(dim=1, keepdim=True), 0.0).softmax(dim=1)
        return torch.multinomial(likely, self.negatives, replacement=True)


def _some(encoded: Encoded, chosen: Tensor) -> Encoded:
    """Return some rows of what was encoded."""
    return Encoded(*(None if part is None else part[chosen] for part in encoded))  # type: ignore[arg-type]
