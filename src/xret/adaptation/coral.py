"""Correlation alignment: two samples have the same covariance."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from xret.adaptation import Adapted
from xret.adaptation._settings import check_modalities, check_weight


class CORAL(nn.Module):
    """Squared distance between the covariances of source and target vectors.

        l = |C_s - C_t|_F^2 / (4 D^2)

    with covariances over N - 1. The paper's features have components around 1; those of unit vectors are around
    1 / sqrt(D), so vectors are multiplied by sqrt(D) first, which leaves |C_s - C_t|_F^2 / 4 of the unit vectors' own
    covariances. Means are not in the paper's loss; ``means`` adds their squared distance, of the same vectors.

    Source: Sun and Saenko 2016, Deep CORAL, https://arxiv.org/abs/1607.01719 (eq. 1 to 3).

    Args:
        weight: of the loss, above 0.
        modalities: whose vectors are adapted; their losses are averaged.
        means: bring the means together too: adds |m_s - m_t|^2.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(self, weight: float = 1.0, modalities: Sequence[str] = ("image",), means: bool = True) -> None:
        super().__init__()
        self.weight, self.modalities = check_weight(weight), check_modalities(modalities)
        self.means = means

    def forward(self, source: Mapping[str, Tensor], target: Mapping[str, Tensor], progress: float) -> Adapted:
        """Return the mean of `distance` over the modalities; `progress` changes nothing."""
        parts = [self.distance(source[m], target[m]) for m in self.modalities]
        return Adapted(torch.stack(parts).mean(), {})

    def distance(self, one: Tensor, other: Tensor) -> Tensor:
        """Return the loss of two samples.

        Args:
            one: (N, D) float.
            other: (M, D) float.

        Returns:
            () float32; 0 where a sample has fewer than two vectors, and so no covariance.
        """
        if min(len(one), len(other)) < 2:
            return (one.sum() + other.sum()) * 0
        with torch.autocast(one.device.type, enabled=False):
            apart = (_covariance(one.float()) - _covariance(other.float())).square().sum() / 4
            if self.means:
                apart = apart + (one.float().mean(dim=0) - other.float().mean(dim=0)).square().sum()
            return apart


def _covariance(vectors: Tensor) -> Tensor:
    centred = vectors - vectors.mean(dim=0)
    return centred.T @ centred / (len(vectors) - 1)
