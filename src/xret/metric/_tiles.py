"""Scores of many queries with many targets, one tile at a time, on every core."""

import itertools
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # ships no types

QUERIES = 512  # rows of a tile at most; with TARGETS columns it takes 8 MB
TARGETS = 4096
GEMM_SIDE = 64  # from this size on BLAS uses one and the same kernel, whatever the size


@dataclass(frozen=True)
class Gathered:
    """Some rows of a matrix, in some order, copied only where they do not lie side by side.

    Attributes:
        vectors: (N, D) float32.
        rows: (M,) int64, the rows that are meant.
    """

    vectors: np.ndarray
    rows: np.ndarray

    def __len__(self) -> int:
        """Return M."""
        return len(self.rows)

    def take(self, start: int, stop: int) -> np.ndarray:
        """Return (stop - start, D) float32, a view where possible."""
        rows = self.rows[start:stop]
        side_by_side = len(rows) > 0 and (np.diff(rows) == 1).all()
        taken: np.ndarray = self.vectors[rows[0] : rows[-1] + 1] if side_by_side else self.vectors[rows]
        return taken


def blocks(total: int, largest: int) -> Iterator[tuple[int, int]]:
    """Yield (start, stop) of nearly equal blocks of at most ``largest`` that cover ``total``."""
    count = -(-total // largest)
    edges = [total * i // count for i in range(count + 1)] if count else []
    yield from itertools.pairwise(edges)


def scores_into(out: np.ndarray, queries: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Return the dot products of (q, D) and (t, D) as (q, t), stored at the front of the flat buffer ``out``.

    BLAS sums in another order in its kernels for vectors and tiny matrices, which moves a cosine by up to 5e-6. Small
    operands are therefore padded, so that one pair of vectors has one score in whatever tile it stands.
    """
    q, t = len(queries), len(targets)
    if q < GEMM_SIDE or t < GEMM_SIDE:
        padded: np.ndarray = _padded(queries) @ _padded(targets).T
        return padded[:q, :t].copy()
    tile: np.ndarray = out[: q * t].reshape(q, t)
    np.matmul(queries, targets.T, out=tile)
    return tile


def new_buffer() -> np.ndarray:
    """Return a flat float32 buffer that holds the largest tile."""
    return np.empty(QUERIES * TARGETS, dtype=np.float32)


def each_block(total: int, work: Callable[[int, int], None], threads: int | None = None) -> None:
    """Call ``work(start, stop)`` for blocks of at most `QUERIES` queries that cover ``total``, from several threads.

    BLAS is held to one thread meanwhile: tiles of its own keep each core busier than a tile cut in two.

    Args:
        total: number of queries.
        work: must write to nothing that another block writes to.
        threads: how many at a time; None for as many as BLAS may use.
    """
    controller = blas()
    if threads is None:
        threads = max((library["num_threads"] for library in controller.info()), default=os.cpu_count() or 1)
    rounds = -(-total // (QUERIES * threads)) or 1
    spans = list(blocks(total, max(1, -(-total // (rounds * threads)))))
    with controller.limit(limits=1), ThreadPoolExecutor(threads) as pool:
        for _ in pool.map(lambda span: work(*span), spans):
            pass


def blas() -> ThreadpoolController:
    """Return the handle on the BLAS libraries of this process: what they use, and a way to limit it."""
    return ThreadpoolController().select(user_api="blas")


def _padded(rows: np.ndarray) -> np.ndarray:
    missing = GEMM_SIDE - len(rows)
    return np.pad(rows, ((0, missing), (0, 0))) if missing > 0 else rows
