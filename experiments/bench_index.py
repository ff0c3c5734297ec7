"""What the indices cost and keep: exact search against faiss, `auto` against exact search and two other libraries.

Run as ``python experiments/bench_index.py [part ...] [rows=200000]``; the parts are ``batches``, ``single``, ``easy``,
``hard`` and ``peers``; without any, all run. ``peers`` needs ``pip install hnswlib usearch``, which nothing
else does.

batches   100,000 targets x 512: batches of 20 to 250 queries, ours against faiss as it is when left alone.
single    100,000 targets x 512 and x 384: one query at a time, the index's share of a warm search.
easy      ``rows`` x 512 in 200 clusters, ten nearest inside one: `auto`.
hard      ``rows`` x 512 in 2,000 clusters so wide that neighbours lie in many: `auto`.
peers     both again with ``rows`` / 4, beside hnswlib and usearch (16 links, 100 candidates while building), each with
          the least effort that keeps no less recall than what `auto` chose, 4,096 candidates at most.

Contestants take turns; figures are medians of the clock unless named otherwise. Exits with 1 when a bar is missed.
"""

import sys
import time
from collections.abc import Callable
from typing import Any

import faiss
import numpy as np

from xret.index.auto import Auto
from xret.index.flat import Flat
from xret.index.parity import Truth, answers, recall, speed, times_as_fast, truth
from xret.index.pq import PQ

K, BATCH, TARGET = 10, 64, 0.95
ALONE = 128_000  # faiss 1.15.1: queries times numbers, below which a batch goes without BLAS
BAR_BATCHES, BAR_EASY, BAR_MS = 5.0, 5.0, 10.0
KINDS = {"easy": (200, 0.5), "hard": (2000, 3.0)}  # clusters, spread of the noise beside centres of spread 1
PARTS = ("batches", "single", "easy", "hard", "peers")
MOST = 4096  # candidates of a peer


def unit(vectors: np.ndarray) -> np.ndarray:
    """Return (N, D) float32 of norm 1."""
    found: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return found


def make(kind: str, rows: int, dim: int = 512) -> tuple[list[np.ndarray], np.ndarray]:
    """Return targets in shards, and 2,000 queries from the same clusters."""
    clusters, spread = KINDS[kind]
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((clusters, dim), dtype=np.float32)

    def drawn(count: int) -> np.ndarray:
        noise = rng.standard_normal((count, dim), dtype=np.float32)
        return unit(centres[rng.integers(clusters, size=count)] + np.float32(spread) * noise)

    return [drawn(min(20_000, rows - begin)) for begin in range(0, rows, 20_000)], drawn(2000)


def report(name: str, value: float, bar: str = "", held: bool = True) -> bool:
    """Print a figure beside its bar; return whether it holds."""
    print(f"| {name} | {value:.3g} | {bar} | {'' if not bar else 'held' if held else 'MISSED'} |", flush=True)
    return held


class Alone:
    """faiss's flat index with its own threshold, which only ours changes."""

    def __init__(self, vectors: np.ndarray) -> None:
        self.index = faiss.IndexFlatIP(vectors.shape[1])
        self.index.add(vectors)

    def search(self, queries: np.ndarray, k: int) -> object:
        """Search as faiss does when it is left alone."""
        faiss.cvar.distance_compute_blas_threshold = ALONE
        found: object = self.index.search(queries, k)
        faiss.cvar.distance_compute_blas_threshold = 1
        return found


def batches(rows: int) -> bool:
    """Compare batches with faiss left alone."""
    vectors = unit(np.random.default_rng(0).standard_normal((100_000, 512), dtype=np.float32))
    queries = unit(np.random.default_rng(1).standard_normal((1000, 512), dtype=np.float32))
    ours, alone = Flat(), Alone(vectors)
    ours.build([vectors])
    held = True
    for batch in (20, 64, 128, 249):
        ratio = times_as_fast(ours, alone, queries, K, batch, 6.0)
        held &= report(f"flat, batches of {batch}: times as fast as faiss alone", ratio, ">= 5", ratio >= BAR_BATCHES)
    return held


def single(rows: int) -> bool:
    """Measure one query at a time."""
    held = True
    for dim in (512, 384):
        vectors = unit(np.random.default_rng(0).standard_normal((100_000, dim), dtype=np.float32))
        index = Flat()
        index.build([vectors])
        fast = speed(index, vectors[:500], K, BATCH, 8.0)
        report(f"flat, 100,000 x {dim}, one query: p50 in ms", fast.p50_ms)
        ok = fast.p95_ms <= BAR_MS
        held &= report(f"flat, 100,000 x {dim}, one query: p95 in ms", fast.p95_ms, "<= 10", ok)
        ratio = times_as_fast(index, Alone(vectors), vectors[:200], K, 1, 6.0)
        codes = PQ()
        codes.build([vectors])
        fast = speed(codes, vectors[:500], K, BATCH, 8.0)
        report(f"pq, 100,000 x {dim}, one query: p95 in ms", fast.p95_ms, "<= 10", fast.p95_ms <= BAR_MS)
        report(f"flat, 100,000 x {dim}, one query: times as fast as faiss alone", ratio)
    return held


def chosen(kind: str, rows: int) -> tuple[Auto, list[np.ndarray], np.ndarray]:
    """Let `auto` choose; it sees other queries than those that judge."""
    shards, queries = make(kind, rows)
    index = Auto(recall=TARGET, k=K, batch=BATCH)
    began = time.perf_counter()
    index.build(shards, queries[:1000])
    report(
        f"auto, {kind}, {rows:,}: {index.kind} {index.settings}; seconds to choose and build",
        time.perf_counter() - began,
    )
    for row in index.tried:
        print(f"<!-- {row} -->")
    return index, shards, queries[1000:]


def auto(kind: str, rows: int) -> bool:
    """Measure what `auto` chose against exact search on all vectors."""
    index, shards, queries = chosen(kind, rows)
    exact = Flat()
    exact.build(shards)
    known = truth(shards, queries, K)
    kept = recall(answers(index, known), known, shards, [K])[K]
    held = report(f"auto, {kind}: recall@10", kept, ">= 0.95", kept >= TARGET)
    least = BAR_EASY if kind == "easy" else 1.0
    for name, batch in (("one query", 1), (f"batches of {BATCH}", BATCH)):
        ratio = 1.0 if index.kind == "flat" else times_as_fast(index, exact, queries, K, batch, 8.0)
        held &= report(f"auto, {kind}, {name}: times as fast as flat", ratio, f">= {least:g}", ratio >= least)
    return held


class Peer:
    """Another library's graph behind our `search`."""

    def __init__(self, find: Callable[[np.ndarray, int], np.ndarray], effort: Callable[[int], None]) -> None:
        self.find, self.effort = find, effort

    def search(self, queries: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Return positions; scores are not asked for."""
        found = np.asarray(self.find(queries, k)).astype(np.int64).reshape(len(queries), -1)
        return found, np.zeros(found.shape, np.float32)


def graphs(vectors: np.ndarray) -> dict[str, Peer]:
    """Build the graphs of two other libraries."""
    import hnswlib
    from usearch.index import Index

    first: Any = hnswlib.Index(space="ip", dim=vectors.shape[1])
    first.init_index(max_elements=len(vectors), M=16, ef_construction=100)
    first.add_items(vectors, num_threads=2)
    second: Any = Index(ndim=vectors.shape[1], metric="ip", dtype="f32", connectivity=16, expansion_add=100)
    second.add(np.arange(len(vectors)), vectors, threads=2)
    return {
        "hnswlib": Peer(lambda q, k: first.knn_query(q, k, num_threads=2)[0], first.set_ef),
        "usearch": Peer(
            lambda q, k: second.search(q, k, threads=2).keys, lambda e: setattr(second, "expansion_search", e)
        ),
    }


def brought_to(goal: float, peer: Peer, known: Truth, shards: list[np.ndarray]) -> tuple[float, int]:
    """Set the least effort with which a peer keeps a recall, or the most; return what it keeps, and the effort."""

    def kept(effort: int) -> float:
        peer.effort(effort)
        return recall(answers(peer, known), known, shards, [K])[K]

    low, high = 8, 16
    while kept(high) < goal and high < MOST:
        low, high = high, 2 * high
    while high - low > max(1, low // 16):
        middle = (low + high) // 2
        low, high = (low, middle) if kept(middle) >= goal else (middle, high)
    return kept(high), high


def peers(rows: int) -> bool:
    """Measure what `auto` chose beside two other libraries at no less recall than its own, where they come to it."""
    held = True
    for kind in KINDS:
        index, shards, queries = chosen(kind, rows // 4)
        known = truth(shards, queries, K)
        own = recall(answers(index, known), known, shards, [K])[K]
        report(f"auto, {kind}: recall@10", own)
        for name, peer in graphs(np.concatenate(shards)).items():
            kept, effort = brought_to(own, peer, known, shards)
            for batch in (1, BATCH):
                ratio = times_as_fast(index, peer, queries, K, batch, 6.0)
                what = f"auto, {kind}, batches of {batch}: times as fast as {name} (recall {kept:.3f} at {effort})"
                held &= report(what, ratio, ">= 1", ratio >= 1)
    return held


def main(words: list[str]) -> int:
    """Run the parts asked for."""
    rows = next((int(word.partition("=")[2]) for word in words if word.startswith("rows=")), 200_000)
    parts = [word for word in words if word in PARTS] or PARTS
    runs: dict[str, Callable[[int], bool]] = {"batches": batches, "single": single, "peers": peers}
    print("| what | figure | bar | |\n|---|---|---|---|")
    held = [runs[part](rows) if part in runs else auto(part, rows) for part in parts]
    return 0 if all(held) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
