"""Exact search: every vector is compared with the query."""

import threading
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xret._errors import UserError
from xret.index._faiss import link
from xret.index._places import Places, array
from xret.index.sampling import size

_PARTS = 16  # additions are kept apart, so that a new version links the files of the old; more than that are joined
_GONE = 0.3  # share of tombstones from which the vectors that are left are written anew
_FEW = 4  # queries that are looked up one by one
_FETCH = 512  # neighbours asked of faiss at most, where some of them may be none that are allowed
_SPARE = 64  # neighbours in half precision beyond those that are wanted: among them are the right ones
_HALF = 2.0**-11  # relative rounding error of a number in half precision
_SMALLEST = 2.0**-25  # and the absolute one of tiny numbers
_PIECE = 100_000  # vectors copied at once
_LARGEST = 60_000.0  # longest vector that half precision holds


class Flat:
    """All vectors in memory, in float32; exact.

    A single query reads a copy in half precision, half as long, and compares anew what came out first; where the error
    of half precision could hide a better one, it reads all of it. The copy is made at the first single query. A batch
    goes through the tiles of `faiss.knn`. Of equal scores the smaller position comes first.
    """

    def __init__(self) -> None:
        self.parts: list[tuple[np.ndarray, Path | None]] = []  # vectors, and the file they are in
        self.places = Places()
        self._halves: list[tuple[Any, float]] = []  # of each part a copy, and the length of its longest vector
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
        open_rows = np.ones(len(queries), bool)
        if len(queries) > _FEW and fetch <= min(_FETCH, len(self.places.gone)):
            found[:, :wanted], scores[:, :wanted], sure = self._tiles(queries, wanted, fetch, mask)
            open_rows = ~sure
        for row in np.flatnonzero(open_rows):
            able = len(queries) <= _FEW and fetch + _SPARE <= _FETCH
            best = self._short(queries[row], wanted, fetch + _SPARE, mask) if able else None
            found[row, :wanted], scores[row, :wanted] = best or self._product(queries[row], wanted, mask)
        return self.places.outside(found), scores

    def _short(
        self, query: np.ndarray, k: int, fetch: int, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray] | None:
        """Return the k best of the held vectors for one query (D,), or None where it is not sure that they are.

        The exact score of a vector and that of its copy differ by the rounding of the copy and of the sums at most.
        """
        found, least, begin = [], -np.inf, 0
        length = float(np.linalg.norm(query))
        for (vectors, _), (copy, longest) in zip(self.parts, self._copies(), strict=True):
            if not max(longest, length) < _LARGEST:
                return None
            count, dim = vectors.shape
            scores, places = copy.search(query[None], min(fetch, count))
            if fetch < count:
                sums = 2 * dim * 2.0**-24
                error = length * (longest * (_HALF + sums) + np.sqrt(dim) * _SMALLEST)
                least = max(least, float(scores[0, -1]) + error)
            found.append((places[0] + begin, vectors[places[0]] @ query))
            begin += count
        places, scores = (np.concatenate(part) for part in zip(*found, strict=True))
        if mask is not None:
            places, scores = places[mask[places]], scores[mask[places]]
        best = np.lexsort((places, -scores))[:k]
        if len(best) < k or not scores[best[-1]] > least:
            return None
        return places[best], scores[best]

    def _copies(self) -> list[tuple[Any, float]]:
        """Return a copy of each part in half precision."""
        with self._making:
            for vectors, _ in self.parts[len(self._halves) :]:
                copy = faiss.IndexScalarQuantizer(
                    vectors.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
                )
                longest = 0.0
                for begin in range(0, len(vectors), _PIECE):
                    piece = np.ascontiguousarray(vectors[begin : begin + _PIECE])
                    copy.add(piece)
                    longest = float(np.maximum(longest, np.linalg.norm(piece, axis=1).max()))  # NaN stays
                self._halves.append((copy, longest))
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
