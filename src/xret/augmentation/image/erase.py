"""Random erasing: a rectangle of noise hides a part of the picture."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torchvision.transforms import v2

from xret.augmentation._checks import check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class Erase:
    """Cover a random rectangle with random pixels.

    ``Erase()(picture, np.random.default_rng(0))``

    Source: Zhong et al. 2020, Random Erasing, https://arxiv.org/abs/1708.04896 (algorithm 1, RE-R).

    Args:
        least: smallest share of the area that is covered, above 0.
        most: largest share, below 1.
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    least: float = 0.02
    most: float = 0.2
    p: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most < 1:
            raise ValueError(f"need 0 < least <= most < 1, got {self.least} and {self.most}")
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        return drawn(self._erased, self.p, picture, rng)

    def _erased(self, picture: Tensor) -> Tensor:
        """Mark the rectangle in a picture of its own: torchvision's noise is that of normalised pixels."""
        mark = v2.RandomErasing(p=1.0, scale=(self.least, self.most), value=1.0)
        covered = mark(torch.zeros(1, *picture.shape[1:])) > 0
        return torch.where(covered, torch.randint_like(picture, 256), picture)
