"""Indices: what finds the nearest of many vectors.

Every index is a class in a file of its own, chosen by ``index=<file name>``. It is used as::

    index.build(shards, queries)                 -> None
    index.add(shards)                            -> None
    index.remove(positions)                      -> None
    index.search(queries, k, allowed)            -> positions, scores
    index.save(folder);  index.load(folder)      -> None

    shards     iterable of (N_i, D) float32, unit vectors; read as often as the index wants
    queries    (Q, D) float32, unit vectors; for `build` an example of what will be asked, or None
    allowed    (N,) bool, the targets that may be answers; None: all
    positions  (Q, K) int64, places among all vectors, best first; -1 where there are fewer than K answers
    scores     (Q, K) float32, cosine or an estimate of it; -inf where the position is -1

Vectors are added behind those that are there. Where some are removed, those behind them move up: position i is always
the i-th vector that is left. `build` holds the index, one shard and a bounded sample in memory, never all vectors
beside the index. An index knows no texts, no files and no model, so it serves any pair of modalities.
"""
