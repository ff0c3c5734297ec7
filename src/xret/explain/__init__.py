"""Explanations: which places of a picture, and which words of a caption, make the two close.

Every method is a class in a file of its own, chosen by ``explain=<file name>``. It is called as::

    method(score, encoder, pixels) -> heat

    score    (B, 3, H, W) float pixels in [0, 1] -> (B,) float by way of the encoder; larger is closer
    encoder  the module inside the score; some methods listen to its layers
    pixels   (3, H, W) float in [0, 1]
    heat     (H, W) float32, how much each place adds to the score; below zero it takes away

The score is a cosine through projection and normalisation, or the difference of two; no method knows which. Heat has a
sign, and no scale: maps are compared by the order of their places. See `xret.explain.faithfulness` for how good one is.
"""

from collections.abc import Callable

from torch import Tensor

Score = Callable[[Tensor], Tensor]
