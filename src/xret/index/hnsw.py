"""A navigable graph: from neighbour to neighbour towards the query."""

from collections.abc import Iterable
from typing import Any

import faiss
import numpy as np

from xret.index._engine import Engine, storage
from xret.index._faiss import parts


class HNSW(Engine):
    """Hierarchical navigable small world graph.

    Answers single queries in a time that hardly grows with the gallery; slow to build, and the largest in memory.

    Source: Malkov and Yashunin 2018, https://arxiv.org/abs/1603.09320 (alg. 1 to 5).

    Args:
        links: of a vector to others, on each level; twice as many on the lowest.
        build_candidates: kept while links are chosen (efConstruction).
        candidates: kept while searching (efSearch); at least as many as answers are wanted.
        storage: float32, float16 or int8; float16 is half as large as float32 and answers in
            two thirds of the time; it holds numbers up to 65,504.
        transform: null, pca, whiten or opq.
        transform_dim: length of the vectors after it; null: as before.
        refine: candidates, per answer wanted, compared again by better vectors; 0: none.
        refine_storage: those vectors: float32, float16 or int8.
        train_size: vectors that transform and storage are fitted on, at most.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        links: int = 16,
        build_candidates: int = 100,
        candidates: int = 64,
        storage: str = "float16",
        transform: str | None = None,
        transform_dim: int | None = None,
        refine: float = 0,
        refine_storage: str = "float32",
        train_size: int = 100_000,
    ) -> None:
        if links < 2 or build_candidates < 1:
            raise ValueError(f"need links >= 2 and build_candidates >= 1, got {links} and {build_candidates}")
        code = _code(storage)
        super().__init__(
            lambda count, dim: f"HNSW{links},{code}",
            candidates,
            transform,
            transform_dim,
            refine,
            refine_storage,
            train_size,
        )
        self.build_candidates = build_candidates

    def add(self, shards: Iterable[np.ndarray]) -> None:
        """Take in further vectors, and link them."""
        graph: Any = parts(self.index)[-1]
        assert isinstance(graph, faiss.IndexHNSW)
        graph.hnsw.efConstruction = self.build_candidates
        super().add(shards)


def _code(stored: str) -> str:
    return storage("storage", stored)
