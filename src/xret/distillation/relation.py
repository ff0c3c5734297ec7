"""Relations by relations: what lies how far from what, and at which angle."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret.distillation._pairs import modality_pairs, paired, weighted_mean, weights

_FLOOR = 1e-8  # under a root whose gradient is infinite at zero
_ON = 1e-6  # squared distance up to which two points are one


class Relation(nn.Module):
    """Relational knowledge distillation, within each modality and across modalities.

    For vectors a of one modality and b of another (or the same), each divided into those of student and teacher:

        distance    d_ij = |a_i - b_j| / mean of them all; Huber of student's and teacher's d_ij
        angle       at b_j between a_i and a_k: cos(a_i - b_j, a_k - b_j); Huber of student's and teacher's
        similarity  squared difference of the cosines a_i b_j

    The mean over all of them is weighted by the factors below and averaged over pairs of modalities. Within a modality
    i = j, i = k and the like are left out; the reference implementation averages over these zeros as well. No widths
    are compared, so the student may be narrower or wider than its teacher.

    Source: Park et al. 2019, Relational Knowledge Distillation, https://arxiv.org/abs/1904.05068 (eq. 4 to 8, there
    within one modality, angle twice distance); similarity: Tung and Mori 2019, https://arxiv.org/abs/1907.09682 (eq. 4,
    there on rows of length one).

    Args:
        distance: factor of the distances, at least 0.
        angle: factor of the angles, at least 0.
        sample: pairs of the batch, evenly spaced, among which angles are taken: that cubed are the numbers in memory;
            None: all, as in the paper. A batch comes in random order, so they are a random sample.
        similarity: factor of the cosines, at least 0.
        pairs: within each modality, across two of them, or both.

    Raises:
        ValueError: a factor is negative, or all of them are 0, sample is below 3, or `pairs` is none of these.
    """

    def __init__(
        self,
        distance: float = 1.0,
        angle: float = 2.0,
        sample: int | None = 32,
        similarity: float = 0.0,
        pairs: str = "both",
    ) -> None:
        super().__init__()
        if min(distance, angle, similarity) < 0 or not max(distance, angle, similarity) > 0:
            raise ValueError(
                f"distance, angle, similarity must be at least 0 and one above, got {distance}, {angle}, {similarity}"
            )
        if pairs not in ("within", "across", "both"):
            raise ValueError(f"pairs must be within, across or both, got {pairs!r}")
        if sample is not None and sample < 3:
            raise ValueError(f"sample must be at least 3 pairs, which make an angle, or null for all, got {sample}")
        self.distance, self.angle, self.similarity = distance, angle, similarity
        self.sample = sample
        self.pairs = pairs

    def forward(
        self,
        student: Mapping[str, Tensor],
        teacher: Mapping[str, Tensor],
        positives: Tensor,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the weighted sum of the means; see `xret.distillation`. Positives have no say.

        Raises:
            ValueError: there is one modality, and relations across are asked for.
        """
        both = paired(student, teacher)
        totals = []
        for one, other in modality_pairs(both, self.pairs):
            (mine, theirs), (my_other, their_other) = both[one], both[other]
            apart = ~torch.eye(len(mine), dtype=torch.bool, device=mine.device)
            counts = apart if one == other else torch.ones_like(apart)
            totals.append(self._total((mine, my_other), (theirs, their_other), counts, weights(weight, mine)))
        if not totals:
            raise ValueError(f"pairs: {self.pairs} needs two modalities, got {', '.join(both)}; use pairs: within")
        return torch.stack(totals).mean()

    def _total(
        self, mine: tuple[Tensor, Tensor], theirs: tuple[Tensor, Tensor], counts: Tensor, weight: Tensor
    ) -> Tensor:
        """Return the weighted sum for one pair of modalities; counts (B, B) says which pairs are none of zeros."""
        pairs = counts * weight[:, None] * weight
        terms = []
        if self.similarity:
            gap = (mine[0] @ mine[1].T - theirs[0] @ theirs[1].T).square()
            terms.append(self.similarity * weighted_mean(gap, pairs))
        if self.distance:
            gap = F.smooth_l1_loss(_distances(*mine, pairs), _distances(*theirs, pairs), reduction="none")
            terms.append(self.distance * weighted_mean(gap, pairs))
        if self.angle:
            some = slice(None, None, -(-len(weight) // self.sample) if self.sample else None)
            my_angles, their_angles = (_angles(a[some], b[some]) for a, b in (mine, theirs))
            gap = F.smooth_l1_loss(my_angles, their_angles, reduction="none")
            able, each = counts.T[some, some], weight[some]
            different = ~torch.eye(len(each), dtype=torch.bool, device=each.device)
            corners = able[:, :, None] & able[:, None, :] & different
            at = corners * each[:, None, None] * each[:, None] * each
            terms.append(self.angle * weighted_mean(gap, at))
        return torch.stack(terms).sum()


def _distances(one: Tensor, other: Tensor, pairs: Tensor) -> Tensor:
    """Return |a_i - b_j| (B, B) in units of their weighted mean."""
    distances = _squares(one, other).clamp(min=_FLOOR).sqrt()
    return distances / weighted_mean(distances, pairs).clamp(min=_FLOOR)


def _squares(one: Tensor, other: Tensor) -> Tensor:
    """Return the squares of |a_i - b_j| (B, C), from inner products."""
    return one.square().sum(dim=1)[:, None] + other.square().sum(dim=1) - 2 * one @ other.T


def _angles(ends: Tensor, vertices: Tensor) -> Tensor:
    """Return the cosines (B, B, B) of the angles at vertex j between ends i and k, at [j, i, k], from inner products.

    An end that lies on the vertex makes no angle: 0.
    """
    squares = _squares(vertices, ends)
    lengths = torch.where(squares > _ON, squares, torch.inf).sqrt()
    cross = vertices @ ends.T
    products = ends @ ends.T - cross[:, :, None] - cross[:, None, :] + vertices.square().sum(dim=1)[:, None, None]
    return products / lengths[:, :, None] / lengths[:, None, :]
