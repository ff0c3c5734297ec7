"""One matrix."""

import torch
from torch import Tensor, nn


class Linear(nn.Module):
    """Standardising, dropout and a linear map, the projection of CLIP.

    ``mean`` and ``scale`` stay 0 and 1 unless `begin` sets them from training features.

    Source: Radford et al. 2021, https://arxiv.org/abs/2103.00020 (sec. 2.3).

    Args:
        in_dim: width of the vectors that come in.
        dim: D, width of the vectors that go out.
        dropout: fraction of the inputs set to zero while training.
        bias: add a learned offset.

    Raises:
        ValueError: a size is not positive, or dropout is outside [0, 1).
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, in_dim: int, dim: int = 512, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        if min(in_dim, dim) < 1 or not 0 <= dropout < 1:
            raise ValueError(f"need in_dim, dim > 0 and 0 <= dropout < 1, got {in_dim}, {dim} and {dropout}")
        self.dim = dim
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_dim, dim, bias=bias)
        self.register_buffer("mean", torch.zeros(in_dim))
        self.register_buffer("scale", torch.ones(in_dim))

    @torch.no_grad()
    def begin(self, mean: Tensor, scale: Tensor, weight: Tensor, bias: Tensor) -> None:
        """Start from ``weight @ ((x - mean) * scale) + bias``.

        Args:
            mean: (in_dim,), subtracted from what comes in.
            scale: (in_dim,), multiplies what is left.
            weight: (dim, in_dim).
            bias: (dim,); dropped where the projection has no offset.
        """
        self.mean.copy_(mean)
        self.scale.copy_(scale)
        self.linear.weight.copy_(weight)
        if self.linear.bias is not None:
            self.linear.bias.copy_(bias)

    def forward(self, vector: Tensor) -> Tensor:
        """Map (B, in_dim) to (B, dim)."""
        embedding: Tensor = self.linear(self.dropout((vector - self.mean) * self.scale))
        return embedding
