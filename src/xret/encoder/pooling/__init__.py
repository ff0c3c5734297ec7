"""Pooling: a sequence of tokens in, one vector out.

Every pooling is an `nn.Module` called as::

    pooling(tokens, mask) -> vector

    tokens  (B, L, C) float  words or image regions
    mask    (B, L) bool      True where a token counts; None means everywhere
    vector  (B, C) float     zero where no token counts

What lies at masked positions has no influence. The mean also takes ``weight`` (B, L) float, how much a token counts.
An encoder picks one by name, see `xret.encoder.pooling.choice`.
"""
