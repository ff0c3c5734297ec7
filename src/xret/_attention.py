"""The block that networks over tokens are made of: fusion of pairs, and items of several parts."""

import torch.nn.functional as F
from torch import Tensor, nn


class Attention(nn.Module):
    """Multi-head attention of some tokens to others.

    Source: Vaswani et al. 2017, https://arxiv.org/abs/1706.03762 (sec. 3.2).

    Args:
        width: W, of both; a multiple of ``heads``.
        heads: attentions side by side.

    Raises:
        ValueError: width is no multiple of heads.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        if heads < 1 or width % heads:
            raise ValueError(f"width must be a multiple of heads, got {width} and {heads}")
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens: Tensor, others: Tensor, mask: Tensor) -> Tensor:
        """Return for each of (P, L, W) tokens what it found among (P, M, W) others, mask (P, M) bool.

        Zero where no other token counts.
        """
        query = self._split(self.query(tokens))
        key, value = (self._split(part) for part in self.key_value(others).chunk(2, dim=-1))
        any_counts = mask.any(dim=1)[:, None, None]
        seen = mask[:, None, None, :] | ~any_counts[..., None]  # a row that sees nothing would be 0 / 0
        found = F.scaled_dot_product_attention(query, key, value, attn_mask=seen)
        result: Tensor = self.out(found.transpose(1, 2).flatten(2)) * any_counts
        return result

    def _split(self, tokens: Tensor) -> Tensor:
        return tokens.reshape(*tokens.shape[:2], self.heads, -1).transpose(1, 2)  # (P, heads, L, W / heads)


class Block(nn.Module):
    """Attention and two layers behind it, each normalised before and added to what came in.

    Source: Vaswani et al. 2017 (sec. 3.1); normalisation in front: Xiong et al. 2020, https://arxiv.org/abs/2002.04745.

    Args:
        width: see `Attention`.
        heads: see `Attention`.
        dropout: of what is added, while training.
    """

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width)
        self.other_norm = nn.LayerNorm(width)
        self.attention = Attention(width, heads)
        self.dropout = nn.Dropout(dropout)
        self.bend = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 2 * width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(2 * width, width),
        )

    def forward(self, tokens: Tensor, others: Tensor, mask: Tensor) -> Tensor:
        """Map (P, L, W) to (P, L, W); they attend to (P, M, W), of which mask (P, M) says what counts."""
        tokens = tokens + self.dropout(self.attention(self.norm(tokens), self.other_norm(others), mask))
        bent: Tensor = tokens + self.dropout(self.bend(tokens))
        return bent
