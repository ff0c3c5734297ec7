"""Projections: from an encoder's own width to the dimension both sides share.

Every projection is an `nn.Module` in a file of its own, chosen by ``encoder/projection=<file name>``. It is built as
``Projection(in_dim, dim=..., ...)``, where `in_dim` is the width of the encoder it stands on, and called as::

    projection(vector) -> embedding

    vector     (B, in_dim) float
    embedding  (B, dim) float, of any length

It keeps the size of what it gives in `dim`.
"""
