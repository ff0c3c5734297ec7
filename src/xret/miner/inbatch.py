"""In-batch negatives: everything that is not a positive."""

from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks
from xret.miner._choose import candidates


@dataclass(frozen=True)
class InBatch:
    """Keep every target of the batch that is no positive of its row: the negatives of CLIP.

    Source: Radford et al. 2021, CLIP, https://arxiv.org/abs/2103.00020 (sec. 2.3).
    """

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of all non-positives.

        Args:
            scores: (Q, T) float, cosine similarity; only its shape matters.
            positives: (Q, T) bool. A row without positives yields no negatives.

        Returns:
            (Q, T) bool, disjoint from ``positives``.
        """
        check_masks(scores, positives=positives)
        return candidates(positives)
