"""Hard mining: the non-positives that score highest."""

from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks
from xret.miner._choose import best, candidates


@dataclass(frozen=True)
class Hard:
    """Keep the k non-positives closest to each query.

    In large or noisy batches the hardest of all is often a right answer that nobody labelled, and early in training
    hard negatives can collapse the embedding; more than one, or `semihard`, is milder.

    Source: Faghri et al. 2018, VSE++, https://arxiv.org/abs/1707.05612 (sec. 3.2), with k = 1;
    Hermans et al. 2017, In Defense of the Triplet Loss, https://arxiv.org/abs/1703.07737 (sec. 2).

    Args:
        k: negatives per row; fewer where a row has fewer non-positives. Of equal scores any may be taken.

    Raises:
        ValueError: k is below 1.
    """

    k: int = 1

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ValueError(f"k must be at least 1 negative per row, got {self.k}")

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of the k hardest negatives of each row.

        Args:
            scores: (Q, T) float, cosine similarity.
            positives: (Q, T) bool. A row without positives yields no negatives.

        Returns:
            (Q, T) bool, disjoint from ``positives``.
        """
        check_masks(scores, positives=positives)
        return best(scores, candidates(positives), self.k)
