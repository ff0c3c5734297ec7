"""Intermediate: the tokens of one part ask those of the others."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret._attention import Block
from xret._reader import mask_of, readers
from xret.items import Present, Tokens, Vectors
from xret.items._present import check_sample, sampled
from xret.items.late import Late


class Intermediate(nn.Module):
    """Cross-attention: the words of the last part ask the regions of all others, and what they find moves the item.

    With f the unit vector that is projected from the mean of the words, s a learned share, and the average of `Late`:

        embedding = average + s f

    An item without the last part has nobody to ask: there f is 0. Words of an item that has no other part find nothing,
    and are read as they are.

    Source: the multimodal encoder of Li et al. 2021, ALBEF, https://arxiv.org/abs/2107.07651 (sec. 3.1), without
    self-attention between the words, which come from a text encoder that had it; the average beside it is ours.

    Args:
        projections: see `Late`; two parts or more.
        widths: part -> C, width of its tokens.
        width: W, of the tokens when they meet; a multiple of ``heads``.
        layers: times that the words ask.
        heads: attentions side by side in a layer.
        dropout: in the layers, in [0, 1).
        input_dropout: of the channels of the tokens that come in, in [0, 1).
        share: starting value of s.
        drop: see `Late`.
        sample: tokens of each part that are read in a step of training, drawn anew; None: all, as in measuring.

    Raises:
        ValueError: an argument is outside what is stated here, or projections and widths name other parts.
    """

    reads_tokens = True

    def __init__(
        self,
        projections: Mapping[str, nn.Module],
        widths: Mapping[str, int],
        width: int = 64,
        layers: int = 1,
        heads: int = 4,
        dropout: float = 0.1,
        input_dropout: float = 0.5,
        share: float = 0.1,
        drop: float = 0.1,
        sample: int | None = 8,
    ) -> None:
        super().__init__()
        if layers < 1 or not 0 <= dropout < 1:
            raise ValueError(f"need layers > 0 and 0 <= dropout < 1, got {layers} and {dropout}")
        if set(projections) != set(widths):
            raise ValueError(f"projections and widths must name the same parts, got {[*projections]} and {[*widths]}")
        self.late = Late(projections, drop)
        self.sample = check_sample(sample)
        self.dim = self.late.dim
        self.readers = readers({part: widths[part] for part in self.late.parts}, width, input_dropout)
        self.blocks = nn.ModuleList(Block(width, heads, dropout) for _ in range(layers))
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, self.dim))
        self.share = nn.Parameter(torch.tensor(float(share)))

    @property
    def projections(self) -> nn.ModuleDict:
        """Part -> its projection."""
        return self.late.projections

    def forward(self, vectors: Vectors, present: Present, tokens: Tokens) -> Tensor:
        """Return (B, D)."""
        counted = self.late.counted(present)
        tokens = sampled(tokens, self.sample if self.training else None)
        read = {part: self.readers[part](tokens[part][0]) for part in self.late.parts}
        held = {p: mask_of(*tokens[p]) & counted[:, place, None] for place, p in enumerate(self.late.parts)}
        *asked, asking = self.late.parts
        regions, seen = (torch.cat([table[part] for part in asked], dim=1) for table in (read, held))
        words, mask = read[asking], held[asking]
        for block in self.blocks:
            words = block(words, regions, seen)
        mean = words.masked_fill(~mask[..., None], 0).sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        found = F.normalize(self.head(mean).float(), dim=-1) * mask.any(dim=1, keepdim=True)
        return self.late.average(vectors, counted) + self.share * found

    @torch.no_grad()
    def report(self) -> dict[str, Tensor]:
        """Return what `Late` reports, and ``network``: s, beside an average of length 1 at most."""
        return self.late.report() | {"network": self.share.detach().clone()}
