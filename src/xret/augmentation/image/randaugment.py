"""RandAugment: some operations out of fourteen, all at one strength."""

from dataclasses import dataclass

import numpy as np
from torchvision.transforms import v2

from xret.augmentation._checks import check_fill, check_share
from xret.augmentation.image._drawn import drawn


@dataclass(frozen=True)
class RandAugment:
    """Apply a few random operations of geometry and colour, one after the other.

    ``RandAugment()(picture, np.random.default_rng(0))``

    Source: Cubuk et al. 2020, RandAugment, https://arxiv.org/abs/1909.13719 (sec. 3). Some of its operations turn
    colours around (solarize, posterize, equalize), which captions may name.

    Args:
        operations: N of the paper, at least 1.
        magnitude: M of the paper, 0 to 30.
        fill: brightness of what is laid bare, 0 to 255.
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    operations: int = 2
    magnitude: int = 9
    fill: int = 255
    p: float = 0.5

    def __post_init__(self) -> None:
        if self.operations < 1 or not 0 <= self.magnitude <= 30:
            raise ValueError(
                f"need operations of at least 1 and magnitude in 0..30, got {self.operations} and {self.magnitude}"
            )
        check_fill(self.fill)
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8."""
        fill = [self.fill] * 3
        several = v2.RandAugment(num_ops=self.operations, magnitude=self.magnitude, fill=fill)
        return drawn(several, self.p, picture, rng)
