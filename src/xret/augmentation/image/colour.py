"""Colour jitter."""

from dataclasses import dataclass

import numpy as np
from torchvision.transforms import v2

from xret.augmentation._checks import check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class Colour:
    """Change brightness, contrast, saturation and hue, in random order.

    ``Colour()(picture, np.random.default_rng(0))``

    Not for captions that name colours: keep ``hue`` and ``saturation`` low there.

    Args:
        brightness: factor drawn evenly from [1 - brightness, 1 + brightness]; in [0, 1].
        contrast: the same.
        saturation: the same.
        hue: turn of the colour circle drawn evenly from [-hue, hue], in [0, 0.5].
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    brightness: float = 0.2
    contrast: float = 0.2
    saturation: float = 0.1
    hue: float = 0.02
    p: float = 0.5

    def __post_init__(self) -> None:
        for name in ("brightness", "contrast", "saturation"):
            check_share(name, getattr(self, name))
        if not 0 <= self.hue <= 0.5:
            raise ValueError(f"hue must be in [0, 0.5], a turn of the colour circle, got {self.hue}")
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        jitter = v2.ColorJitter(self.brightness, self.contrast, self.saturation, self.hue)
        return drawn(jitter, self.p, picture, rng)
