"""Nothing at all, for encoders that already share a space."""

from torch import Tensor, nn


class Identity(nn.Module):
    """Pass vectors through, as for CLIP and ALIGN, whose projections come with their weights.

    Args:
        in_dim: width of the vectors that come in.
        dim: null, or the width that must come out; equal to `in_dim`.

    Raises:
        ValueError: dim is given and differs from in_dim.
    """

    def __init__(self, in_dim: int, dim: int | None = None) -> None:
        super().__init__()
        if dim is not None and dim != in_dim:
            raise ValueError(f"an identity keeps the width {in_dim}, got dim {dim}: choose encoder/projection=linear")
        self.dim = in_dim

    def forward(self, vector: Tensor) -> Tensor:
        """Return (B, in_dim) as it came."""
        return vector
