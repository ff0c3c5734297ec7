"""Contrastive loss: positives are pulled to distance zero, negatives pushed beyond a margin."""

import torch
from torch import Tensor, nn

from xret._checks import check_masks
from xret.loss._mean import check_weight, weighted_mean


class Contrastive(nn.Module):
    """Two independent terms, one for positives and one for negatives.

    With d = 1 - s, the cosine distance in [0, 2], and y = 1 for a positive, 0 for a negative:

        l = y * d + (1 - y) * max(0, margin - d)

    The mean over the positives and the mean over the negatives are added: were all pairs averaged together, the few
    positives of a batch would drown. Collapsed vectors (every d zero) rest at `margin`.

    Source: Hadsell et al. 2006, Dimensionality Reduction by Learning an Invariant Mapping,
    https://doi.org/10.1109/CVPR.2006.100 (eq. 4). Here distances are not squared and the factor 1/2 is left out.

    Args:
        margin: cosine distance up to which negatives are pushed, in (0, 2]; 1 pushes them until they are orthogonal.

    Raises:
        ValueError: margin is outside (0, 2].
    """

    def __init__(self, margin: float = 1.0) -> None:
        super().__init__()
        if not 0 < margin <= 2:
            raise ValueError(f"margin must be in (0, 2], the range of a cosine distance, got {margin}")
        self.margin = margin

    def forward(self, scores: Tensor, positives: Tensor, negatives: Tensor, weight: Tensor | None = None) -> Tensor:
        """Return the mean over positives plus the mean over negatives.

        Args:
            scores: (Q, T) float, cosine similarity.
            positives: (Q, T) bool.
            negatives: (Q, T) bool.
            weight: (Q,) float, how much each query counts.

        Returns:
            () float, cosine distance; a term without pairs is zero.
        """
        check_masks(scores, positives=positives, negatives=negatives)
        check_weight(scores, weight)
        scores = scores.float()
        far = torch.where(positives, 1 - scores, 0).sum(dim=1)
        near = torch.where(negatives, scores - (1 - self.margin), 0).relu().sum(dim=1)
        pull = weighted_mean(far, positives.sum(dim=1, dtype=torch.float32), weight)
        return pull + weighted_mean(near, negatives.sum(dim=1, dtype=torch.float32), weight)
