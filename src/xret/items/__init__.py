"""Items of several parts: a picture and its title become one vector that queries are compared with.

Every way to put parts together is an `nn.Module` in a file of its own, chosen by ``items=<file name>``. It stands where
the projection of a modality stands, is built with one projection per part, and is called as::

    fuser(vectors, present, tokens) -> embedding

    vectors    part -> (B, C) float, what the part's encoder gave; C is the part's own
    present    part -> (B,) bool, True where the item has that part; an item has at least one
    tokens     part -> ((B, L, C) float, (B, L) bool or None), words or regions; only where ``reads_tokens`` says so
    embedding  (B, dim) float, of any length

A part that is missing has no influence whatever stands in its place, and gets a gradient of exactly zero. While
training each part is left out with the probability ``drop``, so that an item with a single part is found as well.

It carries::

    reads_tokens  whether it wants tokens
    projections   part -> projection, as `xret.encoder.projection` describes it
    dim           D, size of what it gives
    report        () -> {name: () float}, numbers worth watching
"""

from collections.abc import Mapping

from torch import Tensor

Vectors = Mapping[str, Tensor]
Present = Mapping[str, Tensor]
Tokens = Mapping[str, tuple[Tensor, Tensor | None]]
