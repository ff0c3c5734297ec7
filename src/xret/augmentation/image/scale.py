"""Scaling: the picture becomes smaller or larger in its frame."""

from dataclasses import dataclass

import numpy as np
from torchvision.transforms import v2

from xret.augmentation._checks import check_fill, check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class Scale:
    """Enlarge a picture around its middle by a factor drawn evenly from [least, most]; the frame stays.

    ``Scale()(picture, np.random.default_rng(0))``

    Args:
        least: smallest factor, above 0.
        most: largest factor, at least `least`.
        fill: brightness of what is laid bare, 0 to 255.
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    least: float = 0.8
    most: float = 1.2
    fill: int = 255
    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.least <= self.most:
            raise ValueError(f"need 0 < least <= most, got {self.least} and {self.most}")
        check_fill(self.fill)
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        span = (self.least, self.most)
        bilinear = v2.InterpolationMode.BILINEAR
        return drawn(v2.RandomAffine(0, scale=span, interpolation=bilinear, fill=self.fill), self.p, picture, rng)
