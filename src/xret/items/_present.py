"""Which parts of an item count, and which of their tokens are read."""

from collections.abc import Sequence

import torch
from torch import Tensor

from xret.items import Present, Tokens


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


def sampled(tokens: Tokens, count: int | None) -> Tokens:
    """Return the tokens of each part at ``count`` places drawn anew, in order, the same for all items.

    Source: Li et al. 2023, FLIP, https://arxiv.org/abs/2212.00794 (sec. 3; there each picture has places of its own).

    Args:
        tokens: see the package.
        count: places per part; None, or more than there are: all.
    """
    return {part: _drawn(*held, count) for part, held in tokens.items()}


def _drawn(tokens: Tensor, mask: Tensor | None, count: int | None) -> tuple[Tensor, Tensor | None]:
    length = tokens.shape[1]
    if count is None or length <= count:
        return tokens, mask
    places = torch.randperm(length, device=tokens.device)[:count].sort().values
    return tokens[:, places], None if mask is None else mask[:, places]


def check_sample(sample: int | None) -> int | None:
    """Return how many tokens of a part are read in training, or raise ValueError unless it is positive or None."""
    if sample is not None and sample < 1:
        raise ValueError(f"sample must be at least 1 token of a part, or null for all, got {sample}")
    return sample
