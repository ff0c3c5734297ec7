"""Fusion: how well one item of one modality fits one of another, from their tokens and not from two vectors alone.

Every fusion is an `nn.Module` in a file of its own, chosen by ``fusion=<file name>``. It is built with the width of
each modality's tokens and works in two steps, so that what can be done once per item is not done once per pair::

    read(modality, vector, tokens, mask) -> Side     B items, each read once
    fusion(first, second) -> logit                   P pairs: row i of ``first`` with row i of ``second``

    vector  (B, D) float     unit vectors of the space that the first stage searches
    tokens  (B, L, C) float  words or image regions; C is the modality's own
    mask    (B, L) bool      True where a token counts; None means everywhere
    logit   (P,) float32     above 0 where the two belong together

The modality that comes first in ``widths`` (text, as encoders are declared) is ``first``. What lies at masked positions
has no influence.
"""

from typing import NamedTuple, Self

from torch import Tensor


class Side(NamedTuple):
    """What a fusion has read of B items.

    Attributes:
        vector: (B, D) float32 unit vectors.
        tokens: (B, L, W) float, in the fusion's own width.
        mask: (B, L) bool.
    """

    vector: Tensor
    tokens: Tensor
    mask: Tensor

    def at(self, rows: Tensor) -> Self:
        """Return the items (P,) int64 asks for, in its order."""
        return self._replace(vector=self.vector[rows], tokens=self.tokens[rows], mask=self.mask[rows])
