"""Argument checks shared by losses, miners and metrics."""

import torch
from torch import Tensor


def check_masks(scores: Tensor, **masks: Tensor) -> None:
    """Raise unless every mask is boolean and shaped like ``scores``.

    Args:
        scores: (Q, T) float.
        masks: (Q, T) bool each; the keyword is the name used in the message.

    Raises:
        ValueError: a mask has another shape.
        TypeError: a mask is not boolean.
    """
    for name, mask in masks.items():
        if mask.shape != scores.shape:
            raise ValueError(f"{name} must be shaped like scores {tuple(scores.shape)}, got {tuple(mask.shape)}")
        if mask.dtype != torch.bool:
            raise TypeError(f"{name} must be a bool mask, got {mask.dtype}")
