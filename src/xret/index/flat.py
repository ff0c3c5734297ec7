"""Exact search: every vector is compared with the query."""

from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np

from xret.index._faiss import fewer, read, write


class Flat:
    """All vectors in memory, in float32; exact."""

    def __init__(self) -> None:
        self.index: faiss.Index | None = None

    def build(self, shards: Iterable[np.ndarray]) -> None:
        """Take in the vectors (N, D)."""
        for shard in shards:
            if self.index is None:
                self.index = faiss.IndexFlatIP(shard.shape[1])
            self.index.add(np.ascontiguousarray(shard))

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (Q, K) int64 and scores (Q, K) float32; see `xret.index`."""
        return fewer(self.index, queries, k, allowed)

    def save(self, folder: Path) -> None:
        """Write it into a folder."""
        write(self.index, folder)

    def load(self, folder: Path) -> None:
        """Read it from there."""
        self.index = read(folder)
