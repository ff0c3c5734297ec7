"""Triplet loss: each positive must score higher than each negative of its row, by a margin."""

import torch
from torch import Tensor, nn

from xret._checks import check_masks
from xret.loss._mean import check_weight, weighted_mean


class Triplet(nn.Module):
    """Hinge on the difference between the scores of a positive and of a negative.

    For a positive p and a negative n of row i:

        l(i, p, n) = max(0, margin - s_ip + s_in)

    With ``miner=hard`` this is the max-of-hinges loss of VSE++, but for the mean in place of its sum.

    ``average=nonzero`` takes the mean over the terms above zero. Once most triplets are satisfied, a mean over all of
    them shrinks the gradient of the rest towards nothing (Hermans et al. 2017, sec. 2, "batch all" against "batch all
    with non-zero"). Collapsed vectors rest at `margin` either way; hard negatives early in training lead there.

    Source: Faghri et al. 2018, VSE++, https://arxiv.org/abs/1707.05612 (eq. 5 and 6);
    Hermans et al. 2017, In Defense of the Triplet Loss, https://arxiv.org/abs/1703.07737 (sec. 2).

    Args:
        margin: by how much a positive must lead, in cosine similarity, in (0, 2].
        average: ``nonzero`` or ``all``: the terms that are averaged.
        positives: how many positives of a row form triplets, those with the lowest scores; null: all of them, for which
            the largest number of positives in a row is read from the device, once per call. 1 with ``miner=hard`` is
            the batch-hard loss of Hermans et al. (eq. 5).

    Raises:
        ValueError: margin is outside (0, 2], average is another word, or positives is below 1.
    """

    def __init__(self, margin: float = 0.2, average: str = "nonzero", positives: int | None = None) -> None:
        super().__init__()
        if not 0 < margin <= 2:
            raise ValueError(f"margin must be in (0, 2], the range of a cosine difference, got {margin}")
        if average not in ("nonzero", "all"):
            raise ValueError(f"average must be 'nonzero' or 'all', got {average!r}")
        if positives is not None and positives < 1:
            raise ValueError(f"positives must be at least 1, or null for all of them, got {positives}")
        self.margin = margin
        self.average = average
        self.positives = positives

    def forward(self, scores: Tensor, positives: Tensor, negatives: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean loss over the triplets of a batch.

        Args:
            scores: (Q, T) float, cosine similarity.
            positives: (Q, T) bool.
            negatives: (Q, T) bool. A row without negatives, or without positives, has no triplets.
            weight: (Q,) float, how much each query counts.

        Returns:
            () float, cosine similarity; zero where the batch has no triplet.
        """
        check_masks(scores, positives=positives, negatives=negatives)
        check_weight(scores, weight)
        scores = scores.float()
        slopes, active, used = self._slopes(scores.detach(), positives, negatives)
        sums = (slopes * scores).sum(dim=1) + self.margin * active  # a hinge is linear in the scores where it is active
        counts = active if self.average == "nonzero" else used * negatives.sum(dim=1, dtype=torch.float32)
        return weighted_mean(sums, counts, weight)

    @torch.no_grad()
    def _slopes(self, scores: Tensor, positives: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return d(sum of the row's terms) / d(scores) (Q, T), the active terms (Q,) and the positives used (Q,).

        One pass per positive of a row: memory stays at a few (Q, T), never (Q, T, T).
        """
        rivals = torch.where(negatives, scores, -torch.inf)
        candidates = torch.where(positives, scores, torch.inf)
        slopes, active = torch.zeros_like(scores), torch.empty_like(scores)
        total = scores.new_zeros(len(scores))
        used = scores.new_zeros(len(scores))
        for _ in range(self._rounds(positives)):
            weakest, column = candidates.min(dim=1, keepdim=True)  # (Q, 1)
            torch.gt(rivals, weakest - self.margin, out=active)  # an exhausted row is at infinity: nothing is active
            count = active.sum(dim=1, keepdim=True)
            slopes.add_(active).scatter_add_(1, column, -count)
            candidates.scatter_(1, column, torch.inf)
            total += count.squeeze(1)
            used += weakest.squeeze(1).isfinite()
        return slopes, total, used

    def _rounds(self, positives: Tensor) -> int:
        """Return how many positives have to be looked at in the row that has most of them."""
        if self.positives is not None:
            return min(self.positives, positives.shape[1])
        return int(positives.sum(dim=1).max()) if positives.numel() else 0
