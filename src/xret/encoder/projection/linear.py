"""One matrix."""

from torch import Tensor, nn


class Linear(nn.Module):
    """Dropout and a linear map, the projection of CLIP.

    Source: Radford et al. 2021, https://arxiv.org/abs/2103.00020 (sec. 2.3).

    Args:
        in_dim: width of the vectors that come in.
        dim: D, width of the vectors that go out.
        dropout: fraction of the inputs set to zero while training.
        bias: add a learned offset.

    Raises:
        ValueError: a size is not positive, or dropout is outside [0, 1).
    """

    def __init__(self, in_dim: int, dim: int = 512, dropout: float = 0.0, bias: bool = True) -> None:
        super().__init__()
        if min(in_dim, dim) < 1 or not 0 <= dropout < 1:
            raise ValueError(f"need in_dim, dim > 0 and 0 <= dropout < 1, got {in_dim}, {dim} and {dropout}")
        self.dim = dim
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(in_dim, dim, bias=bias)

    def forward(self, vector: Tensor) -> Tensor:
        """Map (B, in_dim) to (B, dim)."""
        embedding: Tensor = self.linear(self.dropout(vector))
        return embedding
