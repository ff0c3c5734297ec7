"""Mirroring."""

from dataclasses import dataclass

import numpy as np
from torchvision.transforms import v2

from xret.augmentation._checks import check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class Flip:
    """Mirror a picture from left to right.

    ``Flip()(picture, np.random.default_rng(0))``

    Not for pictures whose captions say left and right, nor for letters.

    Args:
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: p is outside [0, 1].
    """

    p: float = 0.5

    def __post_init__(self) -> None:
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        return drawn(v2.RandomHorizontalFlip(p=1.0), self.p, picture, rng)
