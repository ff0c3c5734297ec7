"""Random crop, brought back to the full size."""

from dataclasses import dataclass

import numpy as np
from torchvision.transforms import v2

from xret.augmentation._checks import check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class Crop:
    """Cut out a part of a picture and enlarge it to the size that the picture had.

    ``Crop()(picture, np.random.default_rng(0))``

    Source: Szegedy et al. 2015, https://arxiv.org/abs/1409.4842 (sec. 6), with their 8 % of the area as ``least=0.08``.

    Args:
        least: smallest share of the area that stays, in (0, 1].
        stretch: largest ratio of the sides of what is cut out, either way; 1 keeps squares square.
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    least: float = 0.6
    stretch: float = 4 / 3
    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.least <= 1 or self.stretch < 1:
            raise ValueError(f"need 0 < least <= 1 and stretch >= 1, got {self.least} and {self.stretch}")
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        ratio = (1 / self.stretch, self.stretch)
        cut = v2.RandomResizedCrop(picture.shape[1:], scale=(self.least, 1.0), ratio=ratio, antialias=True)
        return drawn(cut, self.p, picture, rng)
