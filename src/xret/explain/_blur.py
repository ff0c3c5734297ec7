"""A picture without its details, and maps without theirs."""

import torch
import torch.nn.functional as F
from torch import Tensor


def blurred(pictures: Tensor, sigma_px: float) -> Tensor:
    """Return pictures or maps under a Gaussian; past the border stands the mirrored picture.

    Args:
        pictures: (..., H, W) float.
        sigma_px: standard deviation, in pixels; 0: nothing changes.
    """
    if sigma_px <= 0:
        return pictures
    height, width = pictures.shape[-2:]
    reach = min(int(3 * sigma_px + 0.5), min(height, width) - 1)
    offsets = torch.arange(-reach, reach + 1, dtype=pictures.dtype, device=pictures.device)
    kernel = torch.exp(-0.5 * (offsets / sigma_px) ** 2)
    kernel = kernel / kernel.sum()
    planes = pictures.reshape(-1, 1, height, width)
    planes = F.conv2d(F.pad(planes, (reach, reach, 0, 0), mode="reflect"), kernel[None, None, None, :])
    planes = F.conv2d(F.pad(planes, (0, 0, reach, reach), mode="reflect"), kernel[None, None, :, None])
    return planes.reshape(pictures.shape)
