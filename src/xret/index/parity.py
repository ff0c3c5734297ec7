"""Parity: what an index loses against exact search, how fast it is, and how large."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import faiss
import numpy as np

from xret.index import _faiss
from xret.index.sampling import rows

_EQUAL = 2e-6  # cosines that near are equal: float32 sums the products of a vector in more than one order
_FEWEST = 16  # searches timed, however long they take

assert _faiss.FILE  # importing it lets faiss use BLAS for small batches


@dataclass(frozen=True)
class Truth:
    """Some queries and their nearest vectors, found by comparing them with all.

    Attributes:
        queries: (Q, D) float32.
        own: (Q,) int64, the position of each query among the vectors, where it is one of them; else -1.
        scores: (Q, K) float32, descending, of the nearest vectors but the query itself; -inf where there are fewer.
        seconds: that this took.
    """

    queries: np.ndarray
    own: np.ndarray
    scores: np.ndarray
    seconds: float

    @property
    def k(self) -> int:
        """Return how many neighbours are known."""
        return int(self.scores.shape[1])


def truth(shards: Iterable[np.ndarray], queries: np.ndarray, k: int, own: np.ndarray | None = None) -> Truth:
    """Find the k nearest vectors of each query, shard by shard.

    Args:
        shards: all vectors, as for `xret.index`.
        queries: (Q, D) float32.
        k: neighbours.
        own: (Q,) int64, positions of queries that are vectors themselves; None: none is.
    """
    own = np.full(len(queries), -1) if own is None else own
    queries = np.ascontiguousarray(queries, np.float32)
    scores = np.full((len(queries), k + 1), -np.inf, np.float32)
    places = np.full((len(queries), k + 1), -1, np.int64)
    began, begin = time.perf_counter(), 0
    for shard in shards:
        vectors = np.ascontiguousarray(shard, np.float32)
        some, where = faiss.knn(queries, vectors, min(k + 1, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
        scores = np.concatenate([scores, some], axis=1)
        places = np.concatenate([places, where + begin], axis=1)
        order = np.argsort(-scores, axis=1, kind="stable")[:, : k + 1]
        scores, places = np.take_along_axis(scores, order, 1), np.take_along_axis(places, order, 1)
        begin += len(shard)
    return Truth(queries, own, _without(places, scores, own)[1], time.perf_counter() - began)


def _without(found: np.ndarray, scores: np.ndarray, own: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Leave out the query itself, or else the last of the answers: (Q, K + 1) -> (Q, K)."""
    last = (found == own[:, None]) & (own[:, None] >= 0)
    order = np.argsort(last, axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)


def answers(index: Any, known: Truth) -> np.ndarray:  # noqa: ANN401 - see `xret.index`
    """Return what an index finds, (Q, K) int64, without the query itself."""
    found, scores = index.search(known.queries, known.k + 1)
    return _without(found, scores, known.own)[0]


def recall(found: np.ndarray, known: Truth, shards: Iterable[np.ndarray], ks: Sequence[int]) -> dict[int, float]:
    """Return recall@k against exact search: the share of the k nearest that are among the first k answers.

    An answer is right when it is as near as the k-th nearest, so that of equal vectors any will do. Where there are
    fewer than k vectors, the share is of those there are.

    Args:
        found: (Q, K) int64, see `answers`.
        known: the exact answers.
        shards: the vectors.
        ks: each at most ``known.k``.
    """
    there, inverse = np.unique(np.maximum(found, 0), return_inverse=True)
    vectors = rows(shards, there)
    exact = np.full(found.shape, -np.inf, np.float32)
    for row, query in enumerate(known.queries):
        exact[row] = vectors[inverse.reshape(found.shape)[row]] @ query
    exact[found < 0] = -np.inf
    result = {}
    for k in ks:
        wanted = np.isfinite(known.scores[:, :k]).sum(axis=1)
        least = known.scores[np.arange(len(wanted)), np.maximum(wanted, 1) - 1]
        right = (exact[:, :k] >= least[:, None] - _EQUAL).sum(axis=1)
        result[k] = float(np.mean(np.minimum(right, wanted) / np.maximum(wanted, 1)))
    return result


@dataclass(frozen=True)
class Speed:
    """How fast an index answers.

    Attributes:
        p50_ms: of single queries.
        p95_ms: of single queries.
        p99_ms: of single queries.
        batch: queries in a batch.
        per_s: queries answered per second in batches, by the median batch.
    """

    p50_ms: float
    p95_ms: float
    p99_ms: float
    batch: int
    per_s: float


def speed(index: Any, queries: np.ndarray, k: int, batch: int, seconds: float = 2.0) -> Speed:  # noqa: ANN401
    """Measure single queries and batches, each for at most about ``seconds``.

    Args:
        index: see `xret.index`.
        queries: (Q, D) float32; asked in turn.
        k: answers.
        batch: queries in a batch; fewer where there are fewer.
        seconds: time for each.
    """
    batch = min(batch, len(queries))
    lots = [queries[i : i + batch] for i in range(0, len(queries) - batch + 1, batch)]
    single = 1000 * timed([partial(index.search, q, k) for q in np.split(queries, len(queries))], seconds)
    many = timed([partial(index.search, q, k) for q in lots], seconds)
    p50, p95, p99 = np.percentile(single, [50, 95, 99])
    return Speed(float(p50), float(p95), float(p99), batch, float(batch / np.median(many)))


def timed(calls: Sequence[Callable[[], object]], seconds: float) -> np.ndarray:
    """Return the seconds of each call, after one that warms up; the calls come round until the time is over."""
    calls[0]()
    found: list[float] = []
    end = time.perf_counter() + seconds
    while len(found) < _FEWEST or (time.perf_counter() < end and len(found) < 2000):
        began = time.perf_counter()
        calls[len(found) % len(calls)]()
        found.append(time.perf_counter() - began)
    return np.array(found)


def times_as_fast(index: Any, other: Any, queries: np.ndarray, k: int, batch: int, seconds: float) -> float:  # noqa: ANN401
    """Return how many times as fast as another index is, by medians; they take turns, as a busy machine slows both.

    Args:
        index: see `xret.index`.
        other: the same.
        queries: (Q, D) float32; asked in turn.
        k: answers.
        batch: queries asked at once.
        seconds: time for both.
    """
    batch = min(batch, len(queries))
    lots = [queries[i : i + batch] for i in range(0, len(queries) - batch + 1, batch)]
    turns = [partial(one.search, q, k) for q in lots for one in (index, other)]
    turns[1]()
    took = timed(turns, seconds)
    return float(np.median(took[1::2]) / np.median(took[::2]))
