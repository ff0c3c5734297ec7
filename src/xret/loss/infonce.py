"""InfoNCE: each positive competes with the negatives of its own row."""

import math
from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from xret._checks import check_masks
from xret.loss._mean import check_weight, weighted_mean

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
        check_weight(scores, weight)
        with torch.no_grad():  # clamped in place: a clamp in the graph would cut the gradient at the floor for good
            self.log_scale.clamp_(max=self.max_log_scale)
        scale = self.log_scale.float().exp()
        rows, columns = _pairs(positives)
        losses: Tensor = _PairLosses.apply(scores.float(), scale, negatives, rows, columns)
        return weighted_mean(losses, torch.ones_like(losses), None if weight is None else weight[rows])


class _PairLosses(torch.autograd.Function):
    """l of each positive (rows[p], columns[p]), in blocks of rows of the scores, with its gradient in closed form.

    The plain ``softplus(rivals - logits)`` on whole matrices keeps half a dozen (Q, T) for autograd, and moving them
    costs more than the product that made the scores. Here one number per row is kept, and each step writes into the
    same block of scratch. With l the logits, R the log-sum-exp over the negatives of a row and g = sigmoid(R_i - l_ij):

        dl(i, j) / dl_ij = -g        dl(i, j) / dl_ik = g exp(l_ik - R_i)
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ANN401 - torch has no type for it
        scores: Tensor,
        scale: Tensor,
        negatives: Tensor,
        rows: Tensor,
        columns: Tensor,
    ) -> Tensor:
        rivals = scores.new_empty(len(scores), 1)
        nothing = scores.new_tensor(-torch.inf)
        for block, x in _blocks(scores):
            torch.where(negatives[block], scores[block], nothing, out=x)
            top = x.amax(dim=1, keepdim=True).nan_to_num_(neginf=0)  # without negatives the sum below is exp(-inf) = 0
            rivals[block] = x.sub_(top).mul_(scale).exp_().sum(dim=1, keepdim=True).log_().addcmul_(top, scale)
        lead = rivals[rows, 0] - scores[rows, columns] * scale
        ctx.save_for_backward(scores, scale, negatives, rows, columns, rivals, lead)
        return F.softplus(lead)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:  # noqa: ANN401 - as above
        scores, scale, negatives, rows, columns, rivals, lead = ctx.saved_tensors
        pull = grad * lead.sigmoid() * scale
        push = torch.zeros_like(rivals).index_add_(0, rows, pull[:, None])
        nothing = torch.zeros_like(scale)
        grad_scores, grad_scale = torch.empty_like(scores), -(pull * scores[rows, columns]).sum()
        for block, x in _blocks(scores):
            torch.addcmul(-rivals[block], scores[block], scale, out=x).exp_().mul_(push[block])
            torch.where(negatives[block], x, nothing, out=grad_scores[block])
            grad_scale += torch.mul(grad_scores[block], scores[block], out=x).sum()
        grad_scores[rows, columns] -= pull
        return grad_scores, grad_scale / scale, None, None, None


def _pairs(mask: Tensor) -> tuple[Tensor, Tensor]:
    """Return rows (P,) and columns (P,) where ``mask`` (Q, T) is true, read in the order in which it lies in memory."""
    mask = mask.view(torch.uint8)  # twice as fast as on bools, on a CPU
    if mask.is_contiguous():
        rows, columns = mask.nonzero(as_tuple=True)
    else:
        columns, rows = mask.T.nonzero(as_tuple=True)
    return rows, columns


def _blocks(scores: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Yield consecutive rows, of at most `_BLOCK` elements but at least one row, and scratch of their shape."""
    step = max(1, _BLOCK // max(1, scores.shape[1]))
    scratch = torch.empty_like(scores[:step])
    for start in range(0, len(scores), step):
        size = min(step, len(scores) - start)
        yield slice(start, start + size), scratch[:size]
