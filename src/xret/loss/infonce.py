"""InfoNCE: each positive competes with the negatives of its own row."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from xret._checks import check_masks
from xret.loss._mean import weighted_mean

_BLOCK = 1 << 20  # elements worked on at a time: what a block needs stays in the cache, and memory is bounded


class InfoNCE(nn.Module):
    """Softmax contrastive loss with a learned temperature.

    For a positive (i, j) and the negatives N(i) of its row, with t the temperature:

        l(i, j) = log(1 + sum over k in N(i) of exp((s_ik - s_ij) / t))

    The loss is the mean of l over all positives, in nats. Where each row has one positive and every
    other target is a negative, this is the cross-entropy of CLIP in one direction.

    Source: van den Oord et al. 2018, https://arxiv.org/abs/1807.03748 (eq. 4);
    learned, clipped temperature: Radford et al. 2021, https://arxiv.org/abs/2103.00020 (sec. 2.5).

    Args:
        temperature: starting value of t. Cosine scores divided by it become logits, so it has no unit.
        min_temperature: t is never let below this; 0.01 caps the logits of cosine scores at 100.

    Raises:
        ValueError: unless 0 < min_temperature <= temperature.
    """

    def __init__(self, temperature: float = 0.07, min_temperature: float = 0.01) -> None:
        super().__init__()
        if not 0 < min_temperature <= temperature:
            raise ValueError(f"need 0 < min_temperature <= temperature, got {min_temperature} and {temperature}")
        self.log_scale = nn.Parameter(torch.tensor(-math.log(temperature)))
        self.max_log_scale = -math.log(min_temperature)

    def forward(self, scores: Tensor, positives: Tensor, negatives: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean loss over the positives of a batch.

        Args:
            scores: (Q, T) float, cosine similarity in [-1, 1].
            positives: (Q, T) bool.
            negatives: (Q, T) bool. A row without negatives adds zero.
            weight: (Q,) float, how much each query counts.

        Returns:
            () float, nats per positive; zero where the batch has no positive. It can be differentiated once.
        """
        check_masks(scores, positives=positives, negatives=negatives)
        with torch.no_grad():  # clamped in place: a clamp in the graph would cut the gradient at the floor for good
            self.log_scale.clamp_(max=self.max_log_scale)
        scale = self.log_scale.float().exp()
        sums: Tensor = _RowSums.apply(scores.float(), scale, positives, negatives)  # type: ignore[no-untyped-call]
        return weighted_mean(sums, torch.count_nonzero(positives, dim=1), weight)


class _RowSums(torch.autograd.Function):
    """Sum of l over the positives of each row, in blocks of rows, with its gradient in closed form.

    The plain expression ``softplus(rivals - logits)`` keeps half a dozen (Q, T) matrices for autograd, and moving them
    costs more than the matrix product that made the scores. This keeps one number per row, and makes the gradient from
    it. With l the logits, R the log-sum-exp over the negatives and x_ij = exp(l_ij - R_i):

        dl(i, j) / dl_ij = -1 / (1 + x_ij)        dl(i, j) / dl_ik = x_ik / (1 + x_ij)
    """

    @staticmethod
    def forward(ctx: Any, scores: Tensor, scale: Tensor, positives: Tensor, negatives: Tensor) -> Tensor:  # noqa: ANN401 - torch gives no type
        rivals = scores.new_empty(len(scores), 1)
        sums = scores.new_empty(len(scores))
        for rows in _blocks(scores):
            block = scores[rows]
            torch.logsumexp(torch.where(negatives[rows], block, -torch.inf).mul_(scale), 1, True, out=rivals[rows])
            losses = F.softplus(torch.addcmul(rivals[rows], block, scale, value=-1))
            torch.sum(torch.where(positives[rows], losses, 0), dim=1, out=sums[rows])
        ctx.save_for_backward(scores, scale, positives, negatives, rivals)
        return sums

    @staticmethod
    @once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:  # noqa: ANN401 - torch gives no type
        scores, scale, positives, negatives, rivals = ctx.saved_tensors
        grad_scores = torch.empty_like(scores)
        grad_scale = torch.zeros_like(scale)
        slope = grad[:, None] * scale  # (Q, 1)
        for rows in _blocks(scores):
            x = torch.addcmul(-rivals[rows], scores[rows], scale).exp_()
            pulls = torch.where(positives[rows], (x + 1).reciprocal_().mul_(-slope[rows]), 0)
            pushes = x.mul_(-pulls.sum(dim=1, keepdim=True))
            torch.where(negatives[rows], pushes, pulls, out=grad_scores[rows])
            grad_scale += (grad_scores[rows] * scores[rows]).sum()
        return grad_scores, grad_scale / scale, None, None


def _blocks(scores: Tensor) -> list[slice]:
    """Return slices of consecutive rows of at most `_BLOCK` elements, or of one row where a row is longer."""
    step = max(1, _BLOCK // max(1, scores.shape[1]))
    return [slice(start, start + step) for start in range(0, len(scores), step)]
