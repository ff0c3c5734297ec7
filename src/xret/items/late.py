"""Late: each part has a vector of its own, and the item's is their weighted average."""

from collections.abc import Mapping
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret.items import Present, Tokens, Vectors
from xret.items._present import check_drop, stacked, thinned


class Late(nn.Module):
    """A learned weighted average of the parts' unit vectors.

    With u_m the unit vector of the projected part m and w_m a softmax of learned numbers over the parts an item has:

        embedding = sum over m of w_m u_m

    So the weights of a missing part go to the others in proportion, and an item of one part has that part's vector. It
    begins at equal weights.

    Source: the score-level combination of Kiela and Bottou 2014, Learning image embeddings using convolutional neural
    networks for improved multi-modal semantics (sec. 3.3), with weights that are learned; modality dropout: Neverova
    et al. 2016, ModDrop, https://arxiv.org/abs/1501.00102 (sec. 4.2).

    Args:
        projections: part -> module (B, C) -> (B, D), the same D for all.
        drop: share of the parts that are left out in a step of training, never the last one of an item.

    Raises:
        ValueError: there is no part, the projections differ in D, or drop is outside [0, 1).
    """

    reads_tokens = False

    def __init__(self, projections: Mapping[str, nn.Module], drop: float = 0.1) -> None:
        super().__init__()
        dims = {int(cast(Any, projection).dim) for projection in projections.values()}
        if len(dims) != 1:
            raise ValueError(f"an item needs parts that are projected to one size, got sizes {sorted(dims)}")
        self.projections = nn.ModuleDict(projections)
        self.weights = nn.Parameter(torch.zeros(len(projections)))
        self.drop = check_drop(drop)
        (self.dim,) = dims

    @property
    def parts(self) -> tuple[str, ...]:
        """The names of the parts, M."""
        return tuple(self.projections)

    def forward(self, vectors: Vectors, present: Present, tokens: Tokens | None = None) -> Tensor:
        """Return (B, D), at most of length 1; tokens are not looked at."""
        return self.average(vectors, self.counted(present))

    def counted(self, present: Present) -> Tensor:
        """Return (B, M) bool, the parts that count: in training some of those that are there are left out."""
        return thinned(stacked(present, self.parts), self.drop if self.training else 0.0)

    def average(self, vectors: Vectors, counted: Tensor) -> Tensor:
        """Return (B, D) of the parts that count, (B, M) bool; zero where none does."""
        projected = [projection(vectors[part]).float() for part, projection in self.projections.items()]
        units = F.normalize(torch.stack(projected, dim=1), dim=-1).masked_fill(~counted[..., None], 0)  # (B, M, D)
        lowest = torch.finfo(torch.float32).min  # not -inf: an item of no part would be 0 / 0
        shares = self.weights.float().masked_fill(~counted, lowest).softmax(dim=1)  # (B, M)
        return (shares[..., None] * units).sum(dim=1)

    @torch.no_grad()
    def report(self) -> dict[str, Tensor]:
        """Return ``weight_<part>``: the share of each part in an item that has all of them."""
        return {f"weight_{part}": share for part, share in zip(self.parts, self.weights.softmax(0), strict=True)}
