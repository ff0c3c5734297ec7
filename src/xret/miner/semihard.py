"""Semi-hard mining: rivals close behind the positive, none ahead of it."""

from dataclasses import dataclass

import torch
from torch import Tensor

from xret._checks import check_masks
from xret.miner._choose import best, candidates


@dataclass(frozen=True)
class SemiHard:
    """Keep the negatives that score below a row's weakest positive, by less than ``margin``.

    Negatives ahead of the positive are left out: early in training they collapse the embedding. The paper
    states the band in squared Euclidean distance; here it is in cosine similarity. For unit vectors
    d^2 = 2 - 2s, so a margin of m in the paper is m / 2 here. Both edges of the band are open.

    A row may have nothing in its band: its positives trail every negative, or lead by the margin already. What it then
    yields is ``fallback``'s to say: nothing, as in the paper; its hardest negative; or one negative drawn at random.

    Source: Schroff et al. 2015, FaceNet, https://arxiv.org/abs/1503.03832 (sec. 3.2).

    Args:
        margin: width of the band, in cosine similarity, in (0, 2].
        fallback: ``skip``, ``hardest`` or ``random``: what a row with an empty band yields.

    Raises:
        ValueError: margin is outside (0, 2], or fallback is another word.
    """

    margin: float = 0.1
    fallback: str = "skip"

    def __post_init__(self) -> None:
        if not 0 < self.margin <= 2:
            raise ValueError(f"margin must be in (0, 2], the range of a cosine difference, got {self.margin}")
        if self.fallback not in ("skip", "hardest", "random"):
            raise ValueError(f"fallback must be 'skip', 'hardest' or 'random', got {self.fallback!r}")

    @torch.no_grad()
    def __call__(self, scores: Tensor, positives: Tensor) -> Tensor:
        """Return the mask of semi-hard negatives.

        Args:
            scores: (Q, T) float, cosine similarity.
            positives: (Q, T) bool. A row without positives yields no negatives, whatever the fallback.

        Returns:
            (Q, T) bool, disjoint from ``positives``.
        """
        check_masks(scores, positives=positives)
        scores = scores.float()
        weakest = torch.where(positives, scores, torch.inf).amin(dim=1, keepdim=True)  # (Q, 1)
        band = (scores < weakest) & (scores > weakest - self.margin)  # `<` leaves out every positive too
        if self.fallback == "skip":
            return band
        keys = scores if self.fallback == "hardest" else torch.rand(scores.shape, device=scores.device)
        stray = candidates(positives) & ~band.any(dim=1, keepdim=True)
        return band | best(keys, stray, k=1)
