"""Early: words and regions of an item as one sequence, and one network over it."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret._attention import Block
from xret._reader import mask_of, readers
from xret.items import Present, Tokens, Vectors
from xret.items._present import check_sample, sampled
from xret.items.late import Late


class Early(nn.Module):
    """A small transformer over a class token and the tokens of all parts; what the class token has read moves the item.

    With f the unit vector that is projected from the class token, s a learned share, and the average of `Late`:

        embedding = average + s f

    The average keeps what projections that begin in closed form know already; with ``share`` at its start the network
    adds little. Tokens of a part that does not count are out of sight.

    Source: single-stream models, Chen et al. 2020, UNITER, https://arxiv.org/abs/1909.11740 (sec. 3.1); the average
    beside the network is ours, as a residual is (He et al. 2016, https://arxiv.org/abs/1512.03385, sec. 3.1).

    Args:
        projections: see `Late`.
        widths: part -> C, width of its tokens.
        width: W, of the tokens in the transformer; a multiple of ``heads``.
        layers: blocks.
        heads: attentions side by side in a block.
        dropout: in the blocks, in [0, 1).
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
        sample: int | None = 12,
    ) -> None:
        super().__init__()
        if layers < 1 or not 0 <= dropout < 1:
            raise ValueError(f"need layers > 0 and 0 <= dropout < 1, got {layers} and {dropout}")
        if set(projections) != set(widths):
            raise ValueError(f"projections and widths must name the same parts, got {[*projections]} and {[*widths]}")
        self.late = Late(projections, drop)
        self.sample = check_sample(sample)
        self.dim = self.late.dim
        self.readers = readers({part: widths[part] for part in self.late.parts}, width, input_dropout, least=1)
        self.modality = nn.ParameterDict({part: nn.Parameter(0.02 * torch.randn(width)) for part in self.late.parts})
        self.start = nn.Parameter(0.02 * torch.randn(1, 1, width))
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
        sequence = [self.start.expand(len(counted), -1, -1)]
        mask = [counted.new_ones(len(counted), 1)]
        for place, part in enumerate(self.late.parts):
            words, held = tokens[part]
            sequence.append(self.readers[part](words) + self.modality[part])
            mask.append(mask_of(words, held) & counted[:, place, None])
        read, seen = torch.cat(sequence, dim=1), torch.cat(mask, dim=1)
        for number, block in enumerate(self.blocks, start=1):
            asking = read[:, :1] if number == len(self.blocks) else read  # nothing else is read in the end
            read = block(asking, read, seen)
        found = F.normalize(self.head(read[:, 0]).float(), dim=-1)
        return self.late.average(vectors, counted) + self.share * found

    @torch.no_grad()
    def report(self) -> dict[str, Tensor]:
        """Return what `Late` reports, and ``network``: s, beside an average of length 1 at most."""
        return self.late.report() | {"network": self.share.detach().clone()}
