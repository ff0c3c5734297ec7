"""A line drawing of a picture."""

from dataclasses import dataclass

import numpy as np
import torch
from torchvision.transforms.v2 import functional

from xret.augmentation._checks import check_share

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_WIDER = 1.6  # ratio of the two blurs, as of the cells of the retina
_TAU = 0.98  # weight of the wider blur: an even ground stays white


@dataclass(frozen=True)
class Sketch:
    """Draw dark lines where brightness dips, on white: colour, shade and filled areas go, outlines stay.

    ``Sketch()(picture, np.random.default_rng(0))``

    For models that shall know things by shape, above all where they will meet line drawings. The extended difference of
    Gaussians: D = G(width) - 0.98 G(1.6 width) of the brightness in [0, 1]; white where D >= 0, else
    1 + tanh(sharpness D).

    Source: Winnemöller et al. 2012, XDoG, Computers & Graphics 36(6) (eq. 1 to 4), https://doi.org/10.1016/j.cag.2012.03.004,
    with the difference alone and the threshold at 0.

    Args:
        width_px: deviation of the narrower blur, in pixels of the square that the encoder sees; above 0.
        sharpness: how fast a dip becomes black; above 0.
        p: probability that a picture is touched, in [0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    width_px: float = 1.2
    sharpness: float = 60.0
    p: float = 1.0

    def __post_init__(self) -> None:
        if not (self.width_px > 0 and self.sharpness > 0):
            raise ValueError(f"width_px and sharpness must be above 0, got {self.width_px} and {self.sharpness}")
        check_share("p", self.p)

    def __call__(self, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture of the same shape, (3, H, W) uint8, grey."""
        if rng.random() >= self.p:
            return picture
        brightness = np.tensordot(_LUMA, picture, axes=(0, 0)).astype(np.float32) / 255
        dip = self._blurred(brightness, self.width_px) - _TAU * self._blurred(brightness, _WIDER * self.width_px)
        drawn = np.where(dip >= 0, 1, 1 + np.tanh(self.sharpness * dip))
        return np.repeat((255 * drawn).round().astype(np.uint8)[None], 3, axis=0)

    @staticmethod
    def _blurred(brightness: np.ndarray, deviation: float) -> np.ndarray:
        side = min(2 * int(4 * deviation + 0.5) + 1, 2 * min(brightness.shape) - 1)
        blurred = functional.gaussian_blur(torch.from_numpy(brightness)[None], [side, side], [deviation, deviation])
        found: np.ndarray = blurred[0].numpy()
        return found
