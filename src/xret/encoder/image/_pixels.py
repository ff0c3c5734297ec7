"""From pictures to batches of pixels, and from pixels to what a network was trained on."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

FITS = ("crop", "pad", "squash")


def check_fit(fit: str) -> str:
    """Return how a picture is brought to a square, or raise ValueError when it is not one of `FITS`."""
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")
    return fit


@dataclass(frozen=True)
class Stack:
    """Put pictures of one size into a batch; small enough to be sent to a worker process.

    Args:
        image_px: height and width that every picture must have.
    """

    image_px: int

    def __call__(self, images: Sequence[np.ndarray]) -> dict[str, Tensor]:
        """Return pixels (B, 3, H, W) uint8 of B arrays (3, H, W) uint8.

        Raises:
            ValueError: an array has another shape or type.
        """
        wanted = (3, self.image_px, self.image_px)
        for image in images:
            if image.shape != wanted or image.dtype != np.uint8:
                raise ValueError(f"images must be {wanted} uint8, got {image.shape} {image.dtype}")
        return {"pixels": torch.from_numpy(np.stack(images))}


class Normalise(nn.Module):
    """Bring pixels to the range a network was trained on: (x - mean) / std per channel, x in [0, 1].

    Args:
        mean: of each channel.
        std: of each channel, positive.

    Raises:
        ValueError: there are not three channels, or a std is not positive.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if len(mean) != 3 or len(std) != 3 or min(std) <= 0:
            raise ValueError(f"mean and std must be three numbers each, std positive, got {list(mean)} and {list(std)}")
        self.register_buffer("mean", torch.tensor([float(m) for m in mean])[:, None, None])
        self.register_buffer("std", torch.tensor([float(s) for s in std])[:, None, None])

    def forward(self, pixels: Tensor) -> Tensor:
        """Map (B, 3, H, W), uint8 in [0, 255] or float in [0, 1], to float.

        Raises:
            TypeError: pixels are of another integer type, whose range is not known.
        """
        if pixels.dtype == torch.uint8:
            pixels = pixels.to(self.mean.dtype) / 255
        elif not pixels.is_floating_point():
            raise TypeError(f"pixels must be uint8 in [0, 255] or float in [0, 1], got {pixels.dtype}")
        return (pixels - self.mean) / self.std
