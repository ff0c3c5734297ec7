"""Late fusion: every part of one item looks for its best counterpart in the other, and the answers are averaged."""

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret._reader import mask_of, readers
from xret.fusion import Side

_UNDECIDED = 0.4  # cosine; between pairs and hard negatives of a space that was begun in closed form


class Late(nn.Module):
    """A learned weighted average of three similarities.

    With v the vectors, x the unit tokens of the first item and y those of the second:

        global     v1 . v2
        there      mean over the tokens i of the first of max over j of x_i . y_j
        back       mean over the tokens j of the second of max over i of x_i . y_j

    Their average, weighted by a softmax of three learned numbers, is turned into a logit by a learned scale and offset.
    It begins at equal weights, and with an average of 0.4 as undecided.

    Source: token-wise similarity in both directions: Yao et al. 2021, FILIP, https://arxiv.org/abs/2111.07783 (eq. 4
    and 5); Khattab and Zaharia 2020, ColBERT, https://arxiv.org/abs/2004.12832 (eq. 3) sums in one direction.

    Args:
        widths: modality -> width of its tokens, two or more.
        width: W, of the tokens when they are compared.
        dropout: of the channels of the tokens that come in, in [0, 1).
        scale: starting value of the learned scale, cosine to logit.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(self, widths: Mapping[str, int], width: int = 64, dropout: float = 0.5, scale: float = 10.0) -> None:
        super().__init__()
        if not scale > 0:
            raise ValueError(f"scale must be positive, got {scale}")
        self.readers = readers(widths, width, dropout)
        self.weights = nn.Parameter(torch.zeros(3))
        self.log_scale = nn.Parameter(torch.tensor(scale).log())
        self.offset = nn.Parameter(torch.tensor(-_UNDECIDED * scale))

    def read(self, modality: str, vector: Tensor, tokens: Tensor, mask: Tensor | None = None) -> Side:
        """Return what is kept of B items: unit tokens (B, L, W)."""
        return Side(vector, F.normalize(self.readers[modality](tokens), dim=-1), mask_of(tokens, mask))

    def forward(self, first: Side, second: Side) -> Tensor:
        """Return the logits (P,) of P pairs."""
        alike = first.tokens @ second.tokens.mT  # (P, L, M)
        there = _mean(_highest(alike, second.mask), first.mask)
        back = _mean(_highest(alike.mT, first.mask), second.mask)
        whole = (first.vector * second.vector).sum(dim=1)
        parts = torch.stack([whole, there, back], dim=1).float()
        return (parts * self.weights.softmax(dim=0)).sum(dim=1) * self.log_scale.exp() + self.offset


def _highest(alike: Tensor, mask: Tensor) -> Tensor:
    """Return for each row of (P, L, M) the highest similarity among what counts, (P, L); -1 where nothing does."""
    return alike.masked_fill(~mask[:, None, :], -1.0).amax(dim=2)


def _mean(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of (P, L) over what counts, (P,); 0 where nothing does."""
    return values.masked_fill(~mask, 0).sum(dim=1) / mask.sum(dim=1).clamp(min=1)
