"""How much of the heat lies beside the subject of a picture."""

import torch
from torch import Tensor

PLAIN = 0.06
"""Colours differ where a channel does by more than this, of 1: more than the noise of a JPEG."""


def by_border(pixels: Tensor) -> Tensor | None:
    """Return where a picture differs from the colour of its border, (H, W) float of 0 and 1; None: it has none.

    The border has a colour when nine in ten of its pixels differ from their median by no more than `PLAIN`.

    Args:
        pixels: (3, H, W) float in [0, 1].
    """
    border = torch.cat([pixels[:, 0], pixels[:, -1], pixels[:, 1:-1, 0], pixels[:, 1:-1, -1]], dim=1)  # (3, N)
    colour = border.median(dim=1).values[:, None]
    if ((border - colour).abs().amax(dim=0) <= PLAIN).float().mean() < 0.9:
        return None
    return ((pixels - colour[:, None]).abs().amax(dim=0) > PLAIN).float()


def share_outside(heat: Tensor, subject: Tensor) -> float:
    """Return the share of the heat above zero that lies beside the subject, in [0, 1]; 0 where there is no heat.

    Args:
        heat: (H, W) float.
        subject: (H, W) float in [0, 1], how much of each pixel is subject.
    """
    warm = heat.clamp(min=0)
    total = warm.sum()
    return float((warm * (1 - subject)).sum() / total) if total > 0 else 0.0


def area_outside(subject: Tensor) -> float:
    """Return the share of the picture that is no subject: what `share_outside` gives for a map that is even."""
    return float(1 - subject.mean())
