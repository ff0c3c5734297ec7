"""Poolings without parameters: one token, the mean, the maximum."""

import torch
from torch import Tensor, nn


class Cls(nn.Module):
    """The token the network was pretrained to summarise in.

    Args:
        last: it stands behind the others (XLNet) instead of before them.
    """

    def __init__(self, last: bool = False) -> None:
        super().__init__()
        self.last = last

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the first (or last) token of (B, L, C) that counts, as (B, C)."""
        if mask is None:
            return tokens[:, -1 if self.last else 0]
        at = mask.shape[1] - 1 - mask.flip(1).int().argmax(dim=1) if self.last else mask.int().argmax(dim=1)  # (B,)
        picked = tokens[torch.arange(len(tokens), device=tokens.device), at]
        return picked * mask.any(dim=1, keepdim=True)


class Mean(nn.Module):
    """The mean of the tokens."""

    def forward(self, tokens: Tensor, mask: Tensor | None = None, weight: Tensor | None = None) -> Tensor:
        """Return the mean over L of (B, L, C), as (B, C); with weights (B, L), at least 0, the weighted mean."""
        if weight is not None:
            weight = weight if mask is None else weight.masked_fill(~mask, 0)
            weight = weight[..., None].to(tokens.dtype)
            total = torch.where(weight > 0, weight * tokens, 0).sum(dim=1)
            whole = weight.sum(dim=1)
            return total / torch.where(whole > 0, whole, 1)
        if mask is None:
            return tokens.mean(dim=1)
        total = tokens.masked_fill(~mask[..., None], 0).sum(dim=1)
        return total / mask.sum(dim=1, keepdim=True).clamp(min=1)


class Max(nn.Module):
    """The maximum of the tokens, each channel on its own."""

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the maximum over L of (B, L, C), as (B, C)."""
        if mask is None:
            return tokens.amax(dim=1)
        highest = tokens.masked_fill(~mask[..., None], -torch.inf).amax(dim=1)
        return highest.masked_fill(~mask.any(dim=1, keepdim=True), 0)
