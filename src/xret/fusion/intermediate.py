"""Intermediate fusion: the tokens of one item ask those of the other."""

from collections.abc import Mapping

from torch import Tensor, nn

from xret._attention import Block
from xret._reader import mask_of, readers
from xret.fusion import Side


class Intermediate(nn.Module):
    """Cross-attention: words ask image regions, what they find is added, and every word says how well it was answered.

    The logit is the mean over the words that count.

    Source: the multimodal encoder of Li et al. 2021, ALBEF, https://arxiv.org/abs/2107.07651 (sec. 3.1), which has
    self-attention between the words in each layer as well; here words come from a text encoder that had it.

    Args:
        widths: modality -> width of its tokens, two or more.
        width: W, of the tokens when they meet; a multiple of ``heads``.
        layers: times that the words ask.
        heads: attentions side by side in a layer.
        dropout: in the layers, in [0, 1).
        input_dropout: of the channels of the tokens that come in, in [0, 1).

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        width: int = 64,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
        input_dropout: float = 0.5,
    ) -> None:
        super().__init__()
        if layers < 1 or not 0 <= dropout < 1:
            raise ValueError(f"need layers > 0 and 0 <= dropout < 1, got {layers} and {dropout}")
        self.readers = readers(widths, width, input_dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def read(self, modality: str, vector: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Side:
        """Return what is kept of B items: tokens (B, L, W)."""
        return Side(vector, self.readers[modality](tokens), mask_of(tokens, mask))

    def forward(self, first: Side, second: Side) -> Tensor:
        """Return the logits (P,) of P pairs; 0 where the first has no token that counts."""
        tokens = first.tokens
        for block in self.blocks:
            tokens = block(tokens, second.tokens, second.mask)
        answers: Tensor = self.head(tokens).squeeze(2).float().masked_fill(~first.mask, 0)
        return answers.sum(dim=1) / first.mask.sum(dim=1).clamp(min=1)
