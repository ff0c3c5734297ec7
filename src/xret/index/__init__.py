"""Indices: what finds the nearest of many vectors.

Every index is a class in a file of its own, chosen by ``index=<file name>``. It is used as::

    index.build(shards)                          -> None
    index.search(queries, k, allowed)            -> positions, scores
    index.save(folder);  index.load(folder)      -> None

    shards     iterable of (N_i, D) float32, unit vectors; read as often as the index wants
    queries    (Q, D) float32, unit vectors
    allowed    (N,) bool, the targets that may be answers; None: all
    positions  (Q, K) int64, places among all vectors, best first; -1 where there are fewer than K answers
    scores     (Q, K) float32, cosine or an estimate of it; -inf where the position is -1

An index knows no texts, no files and no model, so it serves any pair of modalities.
"""
