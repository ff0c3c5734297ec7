"""Early fusion: the tokens of both items as one sequence, and one network over it."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from xret._attention import Block
from xret._reader import mask_of, readers
from xret.fusion import Side


class Early(nn.Module):
    """A small transformer over a class token, the tokens of the first item and those of the second.

    Each token says by a learned vector which modality it comes from. The logit is read off the class token.

    Source: single-stream models, Chen et al. 2020, UNITER, https://arxiv.org/abs/1909.11740 (sec. 3.1).

    Args:
        widths: modality -> width of its tokens, two or more.
        width: W, of the tokens in the transformer; a multiple of ``heads``.
        layers: blocks.
        heads: attentions side by side in a block.
        dropout: in the blocks, in [0, 1).
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
        self.modality = nn.ParameterDict({m: nn.Parameter(0.02 * torch.randn(width)) for m in widths})
        self.start = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, 1))

    def read(self, modality: str, vector: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Side:
        """Return what is kept of B items: tokens (B, L, W) that know their modality."""
        return Side(vector, self.readers[modality](tokens) + self.modality[modality], mask_of(tokens, mask))

    def forward(self, first: Side, second: Side) -> Tensor:
        """Return the logits (P,) of P pairs."""
        start = self.start.expand(len(first.tokens), -1, -1)
        tokens = torch.cat([start, first.tokens, second.tokens], dim=1)
        mask = torch.cat([first.mask.new_ones(len(start), 1), first.mask, second.mask], dim=1)
        for number, block in enumerate(self.blocks, start=1):
            asking = tokens[:, :1] if number == len(self.blocks) else tokens  # nothing else is read in the end
            tokens = block(asking, tokens, mask)
        logit: Tensor = self.head(tokens[:, 0]).squeeze(1)
        return logit.float()
