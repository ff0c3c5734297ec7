"""Rotation."""

from dataclasses import dataclass

import numpy as np
from torchvision.transforms import v2

from xret.augmentation._checks import check_fill, check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class Rotate:
    """Turn a picture around its middle by an angle drawn evenly from [-degrees, degrees].

    ``Rotate()(picture, np.random.default_rng(0))``

    Args:
        degrees: largest angle, in (0, 180].
        fill: brightness of what is laid bare, 0 to 255.
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    degrees: float = 15.0
    fill: int = 255
    p: float = 0.5

    def __post_init__(self) -> None:
        if not 0 < self.degrees <= 180:
            raise ValueError(f"degrees must be in (0, 180], got {self.degrees}")
        check_fill(self.fill)
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        turn = v2.RandomRotation(self.degrees, interpolation=v2.InterpolationMode.BILINEAR, fill=self.fill)
        return drawn(turn, self.p, picture, rng)
