"""Vectors by vectors: the student's lie where the teacher's lie."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret.distillation._pairs import paired, weighted_mean, weights


class Embedding(nn.Module):
    """Distance of each student vector to the teacher's of the same item, through one linear map where widths differ.

    The map W (E, D) is learned with the student and serves all modalities, so that what is near in the teacher's space
    cannot be torn apart by maps of their own. With s and t unit vectors, and u = W s, or s itself without a map:

        cosine: 1 - cos(u, t)        mse: |u - t|^2, summed over the E components

    Source: feature distillation of CLIP-KD, Yang et al. 2024, https://arxiv.org/abs/2307.12732 (sec. 3.2, FD); there
    the square is averaged over components.

    Args:
        student_dim: D.
        teacher_dim: E.
        measure: cosine or mse.
        projection: learn the map: auto (where widths differ), always, or never.

    Raises:
        ValueError: an argument is outside what is stated here, or widths differ without a map.
    """

    sized = True

    def __init__(self, student_dim: int, teacher_dim: int, measure: str = "cosine", projection: str = "auto") -> None:
        super().__init__()
        if measure not in ("cosine", "mse"):
            raise ValueError(f"measure must be cosine or mse, got {measure!r}")
        if projection not in ("auto", "always", "never"):
            raise ValueError(f"projection must be auto, always or never, got {projection!r}")
        if projection == "never" and student_dim != teacher_dim:
            raise ValueError(
                f"projection: never needs vectors of one width, got {student_dim} of the student and {teacher_dim} of "
                "the teacher; use projection: auto, or distillation=relation or logits"
            )
        self.measure = measure
        mapped = projection == "always" or student_dim != teacher_dim
        self.projection = nn.Linear(student_dim, teacher_dim, bias=False) if mapped else nn.Identity()

    def forward(
        self,
        student: Mapping[str, Tensor],
        teacher: Mapping[str, Tensor],
        positives: Tensor,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the mean distance over pairs and modalities; see `xret.distillation`. Positives have no say."""
        means = []
        for mine, theirs in paired(student, teacher).values():
            moved = self.projection(mine).float()
            if self.measure == "cosine":
                distance = 1 - F.cosine_similarity(moved, theirs, dim=1)
            else:
                distance = (moved - theirs).square().sum(dim=1)
            means.append(weighted_mean(distance, weights(weight, mine)))
        return torch.stack(means).mean()
