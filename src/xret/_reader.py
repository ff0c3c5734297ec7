"""From the tokens of an encoder to tokens of the width of whatever reads them."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_COUNTS = {1: "a modality", 2: "two modalities"}


class Reader(nn.Module):
    """Standardising, dropout and a linear map of each token.

    ``mean`` and ``scale`` stay 0 and 1 unless `begin` sets them from training features.

    Args:
        in_width: C, of the tokens that come in.
        width: W, of those that go out.
        dropout: fraction of the channels that count nothing in a step of training, the same for all its items: so it
            is done once to the matrix, and not to every token.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, in_width: int, width: int, dropout: float) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_width, width)
        self.register_buffer("mean", torch.zeros(in_width))
        self.register_buffer("scale", torch.ones(in_width))

    @torch.no_grad()
    def begin(self, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor) -> None:
        """Start from ``weight @ ((x - mean) * scale) + bias``; shapes (C,), (C,), (W, C) and (W,)."""
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Map (B, L, C) to (B, L, W)."""
        weight = self.linear.weight * self.dropout(self.scale)
        return F.linear(tokens.to(weight.dtype), weight, self.linear.bias - weight @ self.mean)


def readers(widths: Mapping[str, int], width: int, dropout: float, least: int = 2) -> nn.ModuleDict:
    """Return modality -> `Reader`.

    Args:
        widths: modality -> C.
        width: W.
        dropout: see `Reader`.
        least: how many modalities there must be.

    Raises:
        ValueError: there are fewer modalities than ``least``, a width is not positive, or dropout is outside [0, 1).
    """
    if len(widths) < least:
        raise ValueError(f"a fusion needs tokens of {_COUNTS[least]}, got {', '.join(widths) or 'none'}")
    if min(width, *widths.values()) < 1 or not 0 <= dropout < 1:
        raise ValueError(f"need width > 0 and 0 <= dropout < 1, got {width} and {dropout}")
    return nn.ModuleDict({modality: Reader(size, width, dropout) for modality, size in widths.items()})


def mask_of(tokens: Tensor, mask: Tensor | None) -> Tensor:
    """Return the mask of (B, L, C) tokens: (B, L) bool, all True where none is given.

    Raises:
        ValueError: the mask has another shape.
    """
    if mask is None:
        return torch.ones(tokens.shape[:2], dtype=torch.bool, device=tokens.device)
    if mask.shape != tokens.shape[:2]:
        raise ValueError(f"mask must be (B, L) of tokens {tuple(tokens.shape)}, got {tuple(mask.shape)}")
    return mask
