"""An index of faiss behind the contract of `xret.index`; what differs is the recipe."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import faiss
import numpy as np

from xret._errors import UserError
from xret.index._faiss import FILE, chooses, limit, link, parameters, parts, read, write
from xret.index._places import Places
from xret.index._transforms import TRANSFORMS, fitted
from xret.index.sampling import draw, size

STORAGES = {"float32": "Flat", "float16": "SQfp16", "int8": "SQ8"}


class Engine:
    """Builds by a recipe of faiss, and searches with an effort that can be changed at any time.

    Args:
        recipe: gives faiss's name of an index, from how many vectors there are and how long they are.
        effort: cells searched, or candidates of a graph kept; without meaning for others.
        transform: null, pca, whiten or opq; see `xret.index._transforms`.
        transform_dim: length of the vectors after it; null: as before.
        refine: candidates, per answer wanted, that are compared again by better vectors; 0: none are.
        refine_storage: those vectors: float32, float16 or int8.
        train_size: vectors that everything is fitted on, at most.
        blocks: pieces that product quantisation cuts vectors of this length into.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        recipe: Callable[[int, int], str],
        effort: int = 1,
        transform: str | None = None,
        transform_dim: int | None = None,
        refine: float = 0,
        refine_storage: str = "float32",
        train_size: int = 100_000,
        blocks: Callable[[int], int] = lambda dim: dim,
    ) -> None:
        if transform not in TRANSFORMS:
            raise ValueError(f"transform must be pca, whiten, opq or null, got {transform}")
        if transform_dim is not None and (transform is None or transform_dim < 1):
            raise ValueError(f"transform_dim must be at least 1 and needs a transform, got {transform_dim}")
        if refine and refine < 1:
            raise ValueError(f"refine must be 0 or at least 1 candidate per answer, got {refine}")
        storage("refine_storage", refine_storage)
        if effort < 1 or train_size < 1:
            raise ValueError(f"effort and train_size must be at least 1, got {effort} and {train_size}")
        self.recipe, self.effort, self.blocks = recipe, effort, blocks
        self.refine, self.k_factor = bool(refine), max(1.0, refine)
        self.transform, self.transform_dim = transform, transform_dim
        self.refine_storage, self.train_size = refine_storage, train_size
        self.index: Any = None
        self.places = Places()
        self._file: Path | None = None  # that holds just this index
        self._asked: tuple[Any, Any] = (None, None)  # settings of the last search of all, and what faiss wants for them

    def build(self, shards: Iterable[np.ndarray], queries: np.ndarray | None = None) -> None:
        """Fit on a sample and take in the vectors; see `xret.index`.

        Raises:
            ValueError: faiss does not know the recipe, or cannot apply it to these vectors.
        """
        count, dim = size(shards)
        sample = np.ascontiguousarray(draw(shards, self.train_size)[0])
        try:
            self.index, self._asked = self._fit(sample, count, dim), (None, None)
        except RuntimeError as error:
            raise ValueError(f"faiss cannot build this index: {str(error).splitlines()[-1]}") from error
        self.places = Places()
        self.add(shards)

    def _fit(self, sample: np.ndarray, count: int, dim: int) -> Any:  # noqa: ANN401 - an index of faiss
        short = self.transform_dim or dim
        if short > dim:
            raise ValueError(f"transform_dim must be at most the {dim} numbers of a vector, got {short}")
        index = faiss.index_factory(short, self.recipe(count, short), faiss.METRIC_INNER_PRODUCT)
        _accept_small_samples(index)
        if self.transform is not None:
            chain = fitted(self.transform, short, sample, self.blocks(short))
            shorter = sample
            for step in chain:
                shorter = step.apply(shorter)
            index.train(shorter)
            index = faiss.IndexPreTransform(index)
            for step in reversed(chain):
                index.prepend_transform(step)
        else:
            index.train(sample)
        if not self.refine:
            return index
        better = faiss.index_factory(dim, STORAGES[self.refine_storage], faiss.METRIC_INNER_PRODUCT)
        better.train(sample)
        return faiss.IndexRefine(index, better)

    def add(self, shards: Iterable[np.ndarray]) -> None:
        """Take in further vectors; nothing is fitted anew."""
        for shard in shards:
            self.index.add(np.ascontiguousarray(shard, np.float32))
            self.places.extend(len(shard))
        self._file = None

    def remove(self, positions: np.ndarray) -> None:
        """Let the vectors at these positions be no answers any more."""
        self.places.remove(positions)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (Q, K) int64 and scores (Q, K) float32; see `xret.index`.

        Where few are allowed, the effort is raised, and again while fewer are found than there are.
        """
        queries = np.ascontiguousarray(queries, np.float32)
        mask = self.places.held(allowed)
        held = len(self.places.gone)
        count = held if mask is None else int(mask.sum())
        effort = -(-self.effort * held // max(count, 1))  # the fewer are allowed, the farther away they are
        able = mask is None or chooses(self.index)
        fetch = k if able else min(held, int(1.5 * k * held / max(count, 1)) + 8)
        found, scores = self._ask(queries, k, fetch, effort, mask)
        while len(short := np.flatnonzero((found[:, : min(k, count)] < 0).any(axis=1))):
            widest = fetch if able else held
            if effort >= limit(self.index) and fetch >= widest:
                break
            effort, fetch = 4 * effort, min(widest, 4 * fetch)  # the others are what they would be alone
            found[short], scores[short] = self._ask(queries[short], k, fetch, effort, mask)
        return self.places.outside(found), scores

    def _ask(
        self, queries: np.ndarray, k: int, fetch: int, effort: int, mask: np.ndarray | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the places among the held vectors, and the scores, both (Q, K)."""
        able = mask is None or chooses(self.index)
        scores, found = self.index.search(queries, fetch, params=self._how(effort, mask if able else None))
        if mask is not None and not able:
            found = np.where(mask[found] & (found >= 0), found, -1)
            order = np.argsort(found < 0, axis=1, kind="stable")[:, :k]
            found, scores = np.take_along_axis(found, order, 1), np.take_along_axis(scores, order, 1)
            if fetch < k:
                gap = ((0, 0), (0, k - fetch))
                found, scores = np.pad(found, gap, constant_values=-1), np.pad(scores, gap)
        return found, np.where(found < 0, -np.inf, scores).astype(np.float32)

    def _how(self, effort: int, mask: np.ndarray | None) -> Any:  # noqa: ANN401 - parameters of faiss
        """Return how to search; what was asked last is kept, as making it takes a third of a search of a graph."""
        asked = (effort, self.k_factor, self.index.ntotal)
        last, how = self._asked
        if mask is None and last == asked:
            return how
        how = parameters(self.index, effort, self.k_factor, mask)
        if mask is None:
            self._asked = asked, how
        return how

    def save(self, folder: Path) -> None:
        """Write it into a folder; a file that holds it already is linked."""
        if self._file is None:
            write(self.index, folder)
        else:
            link(self._file, folder / FILE)
        self.places.save(folder)

    def load(self, folder: Path) -> None:
        """Read it from there.

        Raises:
            UserError: a file is missing or broken.
        """
        self.index, self._file, self._asked = read(folder), folder / FILE, (None, None)
        if self.index.ntotal > 8 * self._file.stat().st_size:
            raise UserError(f"cannot read {self._file}: it cannot hold {self.index.ntotal} vectors; build it again")
        self.places = Places.load(folder, self.index.ntotal)


def storage(name: str, value: str) -> str:
    """Return faiss's name of a way to store numbers.

    Raises:
        ValueError: there is no such way.
    """
    if value not in STORAGES:
        raise ValueError(f"{name} must be one of {', '.join(STORAGES)}, got {value}")
    return STORAGES[value]


def cells_for(count: int, cells: int | None, train_size: int) -> int:
    """Return into how many cells to cut ``count`` vectors: 4 times the root, and at least 30 to fit each on."""
    asked = cells or round(4 * count**0.5)
    return max(1, min(asked, min(count, train_size) // (1 if cells else 30)))


def blocks_of(dim: int, width: int) -> int:
    """Return into how many equal pieces of at least ``width`` numbers a vector of ``dim`` can be cut."""
    return next(n for n in range(max(1, dim // width), 0, -1) if dim % n == 0)


def _accept_small_samples(index: Any) -> None:  # noqa: ANN401 - any index of faiss
    """Keep faiss from complaining about few vectors per centroid; parity tells what they are worth."""
    for part in parts(index):
        if isinstance(part, faiss.IndexIVF):
            part.cp.min_points_per_centroid = 1
        if hasattr(part, "pq"):
            part.pq.cp.min_points_per_centroid = 1
