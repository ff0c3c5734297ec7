"""Which parts of an item count."""

from collections.abc import Sequence

import torch
from torch import Tensor

from xret.items import Present


def stacked(present: Present, parts: Sequence[str]) -> Tensor:
    """Return (B, M) bool in the order of M parts."""
    return torch.stack([present[part] for part in parts], dim=1)


def thinned(present: Tensor, drop: float) -> Tensor:
    """Return (B, M) bool with each part left out with the probability ``drop``; an item that would lose all keeps all.

    Args:
        present: (B, M) bool.
        drop: in [0, 1); 0 draws nothing.
    """
    if not drop:
        return present
    kept = present & (torch.rand(present.shape, device=present.device) >= drop)
    return torch.where(kept.any(dim=1, keepdim=True), kept, present)


def check_drop(drop: float) -> float:
    """Return a share of parts to leave out, or raise ValueError unless it is in [0, 1)."""
    if not 0 <= drop < 1:
        raise ValueError(f"drop must be in [0, 1), a share of the parts that is left out in training, got {drop}")
    return drop
