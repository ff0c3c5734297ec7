"""Two matrices with a bend between them."""

from torch import Tensor, nn


class MLP(nn.Module):
    """LayerNorm, linear, GELU, dropout, linear.

    The LayerNorm brings encoders of different scale to the same footing, so that one learning rate serves both sides.

    Source: the non-linear head of SimCLR, Chen et al. 2020, https://arxiv.org/abs/2002.05709 (sec. 4.2), with GELU for
    ReLU, and dropout.

    Args:
        in_dim: width of the vectors that come in.
        dim: D, width of the vectors that go out.
        hidden: units between the two matrices.
        dropout: fraction of the hidden units set to zero while training.
        layer_norm: normalise what comes in, with learned scale and offset.

    Raises:
        ValueError: a size is not positive, or dropout is outside [0, 1).
    """

    def __init__(
        self, in_dim: int, dim: int = 512, hidden: int = 1024, dropout: float = 0.5, layer_norm: bool = True
    ) -> None:
        super().__init__()
        if min(in_dim, dim, hidden) < 1 or not 0 <= dropout < 1:
            raise ValueError(
                f"need in_dim, dim, hidden > 0 and 0 <= dropout < 1, got {in_dim}, {dim}, {hidden} and {dropout}"
            )
        self.dim = dim
        self.layers = nn.Sequential(
            nn.LayerNorm(in_dim) if layer_norm else nn.Identity(),
            nn.Linear(in_dim, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, dim),
        )

    def forward(self, vector: Tensor) -> Tensor:
        """Map (B, in_dim) to (B, dim)."""
        embedding: Tensor = self.layers(vector)
        return embedding
