"""Embedding: who computes the vectors of a gallery that is cut into shards."""
