"""Distance-weighted sampling: negatives at every distance alike, not just where most of them lie."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks
from xret.miner._choose import best, candidates


@dataclass(frozen=True)
class DistanceWeighted:
    """Draw k negatives per row with a probability inverse to how common their distance is.

    Of points spread evenly over the unit sphere in n dimensions, nearly all lie at distance sqrt(2) from any other, so
    uniform draws see hardly anything else. With d the Euclidean distance of unit vectors, d^2 = 2 - 2s, the density is

        q(d) ~ d^(n-2) * (1 - d^2 / 4)^((n-3)/2)

    and a negative is drawn with a weight of 1 / q(max(d, cutoff)); the cut-off keeps a few very close targets, noise
    often, from taking every draw. Beyond sqrt(2) the density falls again; those far targets, which teach nothing, keep
    the weight of sqrt(2), the least there is, instead of a growing one.

    Drawn without replacement: the k largest of log-weight + Gumbel noise (Kool et al. 2019,
    https://arxiv.org/abs/1903.06059, sec. 2).

    Source: Wu et al. 2017, Sampling Matters in Deep Embedding Learning, https://arxiv.org/abs/1706.07567 (sec. 4).

    Args:
        dim: n, the size of the unit vectors the scores were made from.
        k: negatives per row; fewer where a row has fewer non-positives.
        cutoff: Euclidean distance of unit vectors below which the weight grows no further, in (0, sqrt(2)).

    Raises:
        ValueError: dim is below 3, k below 1, or cutoff outside (0, sqrt(2)).
    """

    dim: int = 512
    k: int = 1
    cutoff: float = 0.5

    def __post_init__(self) -> None:
        if self.dim < 3:
            raise ValueError(f"dim must be at least 3, where most points lie far apart, got {self.dim}")
        if self.k < 1:
            raise ValueError(f"k must be at least 1 negative per row, got {self.k}")
        if not 0 < self.cutoff < math.sqrt(2):
            raise ValueError(f"cutoff must be in (0, sqrt(2)), distances of unit vectors, got {self.cutoff}")

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of the negatives drawn.

        Args:
            scores: (Q, T) float, cosine similarity.
            positives: (Q, T) bool. A row without positives yields no negatives.

        Returns:
            (Q, T) bool, disjoint from ``positives``.
        """
        check_masks(scores, positives=positives)
        gumbel = torch.empty(scores.shape, device=scores.device).exponential_().log_().neg_()
        return best(self.log_weight(scores) + gumbel, candidates(positives), self.k)

    def log_weight(self, scores: Tensor) -> Tensor:
        """Return log(1 / q) of each score, up to a constant.

        Args:
            scores: any shape, cosine similarity.

        Returns:
            same shape, float32, finite.
        """
        s = scores.float().clamp(min=0, max=1 - self.cutoff**2 / 2)  # d in [cutoff, sqrt(2)]
        return -(self.dim - 2) / 2 * torch.log(2 - 2 * s) - (self.dim - 3) / 2 * torch.log((1 + s) / 2)
