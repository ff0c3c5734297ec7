"""Sigmoid loss: every pair is a yes-or-no question of its own."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret._checks import check_masks
from xret.loss._mean import check_weight, weighted_mean


class SigLIP(nn.Module):
    """Binary cross-entropy of each pair, with a learned scale and bias.

    With t the scale and b the bias, z = 1 for a positive and -1 for a negative:

        l_ij = log(1 + exp(-z_ij * (t * s_ij + b)))

    Summed over the pairs of a row and averaged over the rows, as in the paper.

    The bias is there to start near the prior, where a pair is a positive as rarely as it is in the batch: the paper's
    -10 is about log(1 / 32,767), the log odds in its batch of 32,768. With the few negatives a miner leaves, -10 makes
    the push of a negative all but vanish at first. So, unless told otherwise, b is the log odds of the batch at hand,
    log(positives / negatives) by weight, plus a learned number that starts at zero.

    Source: Zhai et al. 2023, Sigmoid Loss for Language Image Pre-Training, https://arxiv.org/abs/2303.15343
    (sec. 3.2 and algorithm 1).

    Args:
        scale: starting value of t; its logarithm is what is learned. No unit.
        bias: starting value of b, which is then all that is learned; the paper's is -10. null: relative, as above.

    Raises:
        ValueError: scale is not positive.
    """

    def __init__(self, scale: float = 10.0, bias: float | None = None) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"scale must be positive, since its logarithm is learned, got {scale}")
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        self.relative = bias is None
        self.bias = nn.Parameter(torch.tensor(float(bias or 0)))

    def forward(self, scores: Tensor, positives: Tensor, negatives: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean over the rows of the loss summed in each row.

        Args:
            scores: (Q, T) float, cosine similarity.
            positives: (Q, T) bool.
            negatives: (Q, T) bool.
            weight: (Q,) float, how much each query counts.

        Returns:
            () float, nats per query; a row without pairs adds zero.
        """
        check_masks(scores, positives=positives, negatives=negatives)
        check_weight(scores, weight)
        bias = self.bias + _log_odds(positives, negatives, weight) if self.relative else self.bias
        logits = torch.addcmul(bias, scores.float(), self.log_scale.exp())
        losses = F.softplus(torch.where(positives, -logits, logits))
        rows = torch.where(positives | negatives, losses, 0).sum(dim=1)
        return weighted_mean(rows, torch.ones_like(rows), weight)


def _log_odds(positives: Tensor, negatives: Tensor, weight: Tensor | None) -> Tensor:
    """Return log(positives / negatives) of a batch, () float, by weight; zero where there are none of either."""
    yes, no = (mask.sum(dim=1, dtype=torch.float32) for mask in (positives, negatives))
    share = weighted_mean(yes, yes + no, weight)
    return share.where((share > 0) & (share < 1), 0.5).logit()
