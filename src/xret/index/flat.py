"""Exact search: every vector is compared with the query."""

import threading
from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np

from xret._errors import UserError
from xret.index._faiss import link
from xret.index._half import Half, multiplies
from xret.index._places import Places, array
from xret.index.sampling import size

_PARTS = 16  # additions are kept apart, so that a new version links the files of the old; more than that are joined
_GONE = 0.3  # share of tombstones from which the vectors that are left are written anew
_FEW = 4  # queries that are looked up one by one
_FETCH = 512  # neighbours asked of faiss at most, where some of them may be none that are allowed
_SPARE = 64  # neighbours in half precision beyond those that are wanted: among them are the right ones


class Flat:
    """All vectors in memory, in float32; exact.

    A single query reads a copy in half precision, half as long, and compares anew what came out first; so does a batch
    where the processor multiplies in half precision. Where its error could hide a better one, a batch goes through the
    tiles of `faiss.knn`, and a single query reads all. The copy is made when it is first asked. Of equal scores the
    smaller position comes first.
    """

    def __init__(self) -> None:
        self.parts: list[tuple[np.ndarray, Path | None]] = []  # vectors, and the file they are in
        self.places = Places()
        self._halves: list[Half] = []  # of each part
        self._making = threading.Lock()

    def build(self, shards: Iterable[np.ndarray], queries: np.ndarray | None = None) -> None:
        """Take in the vectors; see `xret.index`."""
        self.parts, self.places, self._halves = [], Places(), []
        self.add(shards)

    def add(self, shards: Iterable[np.ndarray]) -> None:
        """Take in further vectors."""
        count, dim = size(shards)
        vectors, begin = np.empty((count, dim), np.float32), 0
        for shard in shards:
            vectors[begin : begin + len(shard)] = shard
            begin += len(shard)
        self.parts.append((vectors, None))
        self.places.extend(count)

    def remove(self, positions: np.ndarray) -> None:
        """Let the vectors at these positions be no answers any more."""
        self.places.remove(positions)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (Q, K) int64 and scores (Q, K) float32; see `xret.index`."""
        queries = np.ascontiguousarray(queries, np.float32)
        mask = self.places.held(allowed)
        count = len(self.places.gone) if mask is None else int(mask.sum())
        found = np.full((len(queries), k), -1, np.int64)
        scores = np.full((len(queries), k), -np.inf, np.float32)
        wanted = min(k, count)
        if not wanted:
            return found, scores
        fetch = int(1.2 * wanted * len(self.places.gone) / count) + 8
        open_rows = np.arange(len(queries))
        for able, look, spare in (
            (len(queries) <= _FEW or multiplies(), self._halved, _SPARE),
            (len(queries) > _FEW and fetch <= len(self.places.gone), self._tiles, 0),
        ):
            if able and len(open_rows) and fetch + spare <= _FETCH:
                places, values, sure = look(queries[open_rows], wanted, fetch + spare, mask)
                found[open_rows[sure], :wanted], scores[open_rows[sure], :wanted] = places[sure], values[sure]
                open_rows = open_rows[~sure]
        for row in open_rows:
            found[row, :wanted], scores[row, :wanted] = self._product(queries[row], wanted, mask)
        return self.places.outside(found), scores

    def _halved(
        self, queries: np.ndarray, k: int, fetch: int, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return what `_tiles` does: the k best of those whose copies come first, by the vectors themselves.

        A row is not sure where too few of them are allowed, or where another may be as near as the k-th.
        """
        found, exact, begin = [], [], 0
        others = np.full(len(queries), -np.inf)
        for (vectors, _), half in zip(self.parts, self._copies(), strict=True):
            places, most = half.nearest(queries, min(fetch, len(vectors)))
            others = np.maximum(others, most)
            found.append(places + begin)
            exact.append(np.stack([_scores(vectors[row], query) for row, query in zip(places, queries, strict=True)]))
            begin += len(vectors)
        places, values = np.concatenate(found, axis=1), np.concatenate(exact, axis=1)
        if mask is not None:
            values[~mask[places]] = -np.inf
        order = np.lexsort((places, -values))[:, :k]
        places, values = np.take_along_axis(places, order, 1), np.take_along_axis(values, order, 1)
        return places, values, (values[:, -1] > -np.inf) & (values[:, -1] > others)

    def _copies(self) -> list[Half]:
        """Return a copy of each part."""
        with self._making:
            self._halves += [Half(vectors) for vectors, _ in self.parts[len(self._halves) :]]
            return self._halves

    def _product(self, query: np.ndarray, k: int, mask: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return the k best of the held vectors for one query (D,), from all its scores."""
        scores = np.concatenate([vectors @ query for vectors, _ in self.parts])
        if mask is not None:
            scores[~mask] = -np.inf
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        able = np.flatnonzero(scores >= least)
        best = able[np.lexsort((able, -scores[able]))[:k]]
        return best, scores[best]

    def _tiles(
        self, queries: np.ndarray, k: int, fetch: int, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the k best of the held vectors for each query, and which rows (Q,) are sure to hold the right ones.

        A row is not sure where too few of the neighbours fetched are allowed, or where the last of them ties with the
        k-th: there may be others as near.
        """
        found, scores, begin = [], [], 0
        for vectors, _ in self.parts:
            some, where = faiss.knn(queries, vectors, min(fetch, len(vectors)), metric=faiss.METRIC_INNER_PRODUCT)
            found.append(where + begin)
            scores.append(some)
            begin += len(vectors)
        places, values = np.concatenate(found, axis=1), np.concatenate(scores, axis=1)
        order = np.lexsort((places, -values))[:, :fetch]
        places, values = np.take_along_axis(places, order, 1), np.take_along_axis(values, order, 1)
        last = values[:, -1].copy()
        if mask is not None:
            values[~mask[places]] = -np.inf
            order = np.argsort(-values, axis=1, kind="stable")
            places, values = np.take_along_axis(places, order, 1), np.take_along_axis(values, order, 1)
        return places[:, :k], values[:, :k], values[:, k - 1] > last

    def save(self, folder: Path) -> None:
        """Write it into a folder; what stands in files already is linked."""
        if len(self.parts) > _PARTS or self.places.gone.mean() > _GONE:
            self.parts = [(np.concatenate([vectors for vectors, _ in self.parts])[self.places.left], None)]
            self.places, self._halves = Places(len(self.places.left)), []
        for number, (vectors, file) in enumerate(self.parts):
            path = folder / f"vectors-{number:05d}.npy"
            if file is None:
                np.save(path, vectors)
            else:
                link(file, path)
        self.places.save(folder)

    def load(self, folder: Path) -> None:
        """Read it from there.

        Raises:
            UserError: a file is missing or broken.
        """
        files = sorted(folder.glob("vectors-*.npy"))
        self.parts, self._halves = [(array(file), file) for file in files], []
        shapes = {vectors.shape[1:] for vectors, _ in self.parts}
        if len(shapes) != 1 or any(v.dtype != np.float32 or v.ndim != 2 for v, _ in self.parts):
            raise UserError(f"{folder} must hold vectors-*.npy of one length in float32; build the index again")
        self.places = Places.load(folder, sum(len(vectors) for vectors, _ in self.parts))


def _scores(vectors: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Return the products (N,), without the threads of NumPy's BLAS, which go on spinning beside those of torch."""
    found: np.ndarray = np.einsum("nd,d->n", vectors, query)
    return found
