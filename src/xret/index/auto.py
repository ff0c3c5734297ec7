"""The fastest index that keeps its recall, found by measuring."""

import json
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from xret._errors import UserError
from xret.index._ladder import CANDIDATES, Measured, climb, make
from xret.index.flat import Flat
from xret.index.parity import Truth, truth
from xret.index.sampling import draw, size

log = logging.getLogger(__name__)

FILE = "auto.json"
_TRIES = 2  # candidates built on all vectors, at most
_ENOUGH = 5  # times as fast as exact search: candidates that are slow to build are not tried any more
_SPEEDS = ("both", "single", "batch")
_HOPELESS = 0.7  # as fast on a sample: not built on all vectors


class Auto:
    """Tries indices on a sample, builds the best on all vectors, and measures again: exact search where none is better.

    On the sample each candidate gets the least effort that reaches the target recall. The fastest is built on all
    vectors, where the effort is set and the recall measured anew, since a sample is sparser than the whole. One that
    misses the target there, or is slower than exact search, gives way to the next. Exact search is timed on the sample,
    in turns with the candidate; its time grows with the vectors.

    Args:
        recall: of the k nearest, that must be kept; of 1 only exact search is sure.
        k: answers that are wanted.
        sample: vectors that candidates are tried on, at most.
        queries: that recall is measured with; half to set the effort, half to judge.
        batch: queries in a batch.
        candidates: tried in this order: names of indices, and ``ivf_int8``: `IVF` in 8 bits, 4 candidates per answer
            compared again.
        smallest: with fewer vectors exact search is taken at once: it takes a millisecond.
        seconds: that one measurement of speed may take.
        speed: what must be no slower than exact search, and is made fastest: single queries, batches, or the slower of
            both.

    Raises:
        ValueError: one of them is outside its range.
    """

    def __init__(
        self,
        recall: float = 0.95,
        k: int = 10,
        sample: int = 50_000,
        queries: int = 1000,
        batch: int = 64,
        candidates: Sequence[str] = tuple(CANDIDATES),
        smallest: int = 10_000,
        seconds: float = 1.0,
        speed: str = "both",
    ) -> None:
        if not 0 < recall <= 1:
            raise ValueError(f"recall must be in (0, 1], got {recall}")
        if min(k, batch, smallest) < 1 or sample < 100 or queries < 20:
            raise ValueError("need k, batch, smallest >= 1, sample >= 100 and queries >= 20")
        if unknown := sorted(set(candidates) - set(CANDIDATES)):
            raise ValueError(f"candidates must be of {', '.join(CANDIDATES)}, got {', '.join(unknown)}")
        if speed not in _SPEEDS:
            raise ValueError(f"speed must be one of {', '.join(_SPEEDS)}, got {speed}")
        self.speed = speed
        self.recall, self.k, self.sample, self.queries = recall, k, sample, queries
        self.batch, self.candidates, self.smallest, self.seconds = batch, candidates, smallest, seconds
        self.inner: Any = Flat()
        self.kind = "flat"
        self.settings: dict[str, Any] = {}
        self.tried: list[dict[str, Any]] = []
        self._exact, self._scale = Flat(), 1.0  # on the sample, and how many times as many vectors there are

    def build(self, shards: Iterable[np.ndarray], queries: np.ndarray | None = None) -> None:
        """Choose and take in the vectors; see `xret.index`.

        Args:
            shards: all vectors.
            queries: (Q, D), what will be asked; None: vectors themselves, each without itself.
        """
        self.tried = []
        total, _ = size(shards)
        if total >= self.smallest and self.recall < 1:
            for choice in self._ranked(shards, total, queries):
                if self._holds(choice, shards, queries):
                    return
        self.inner, self.kind, self.settings = Flat(), "flat", {}
        self.inner.build(shards)

    def _ranked(self, shards: Iterable[np.ndarray], total: int, queries: np.ndarray | None) -> list[Measured]:
        """Try candidates on a sample; return those worth building, the fastest first."""
        vectors, _ = draw(shards, self.sample)
        known = self._truth([vectors], queries, seed=1)
        self._exact.build([vectors])
        self._scale = total / len(vectors)
        found: list[Measured] = []
        for kind in self.candidates:
            if CANDIDATES[kind].slow_to_build and any(self._ratio(m) >= _ENOUGH for m in found):
                continue
            index = make(kind, {})
            index.build([vectors])
            measured = climb(kind, index, known, [vectors], self.recall, self._exact, 1.0, self._how())
            self._note("sample", kind, measured)
            found += [measured] if measured else []
        able = [m for m in found if self._ratio(m) >= _HOPELESS]
        return sorted(able, key=lambda m: -self._ratio(m))[:_TRIES]

    def _holds(self, choice: Measured, shards: Iterable[np.ndarray], queries: np.ndarray | None) -> bool:
        """Build a candidate on all vectors; tell whether it keeps the recall and is no slower than exact search."""
        self.inner, self.kind = choice.index, choice.kind
        if self._scale > 1:
            self.inner = make(choice.kind, {})
            self.inner.build(shards)
        known = self._truth(shards, queries, seed=2)
        measured = climb(self.kind, self.inner, known, shards, self.recall, self._exact, self._scale, self._how())
        self._note("all", self.kind, measured)
        if measured is None or self._ratio(measured) < 1:
            return False
        self.settings = measured.settings
        return True

    def _ratio(self, measured: Measured) -> float:
        """Return how many times as fast as exact search, in what counts."""
        ratios = {"single": measured.single, "batch": measured.many}
        return ratios.get(self.speed, min(ratios.values()))

    def _truth(self, shards: Iterable[np.ndarray], queries: np.ndarray | None, seed: int) -> Truth:
        if queries is None:
            vectors, positions = draw(shards, self.queries, seed)
            return truth(shards, vectors, self.k, positions)
        order = np.random.default_rng(seed).permutation(len(queries))[: self.queries]
        return truth(shards, queries[order], self.k)

    def _how(self) -> tuple[int, int, float]:
        return self.k, self.batch, self.seconds

    def _note(self, where: str, kind: str, measured: Measured | None) -> None:
        row: dict[str, Any] = {"on": where, "index": kind}
        if measured is not None:
            row |= {
                "recall": measured.recall,
                "single_x_flat": measured.single,
                "batch_x_flat": measured.many,
                **measured.settings,
            }
        self.tried.append(row)
        told = (
            f"recall {measured.recall:.3f} at {self._ratio(measured):.2f} x the speed of flat"
            if measured
            else "too slow"
        )
        log.info("%s, %s vectors: %s", kind, where, told)

    def add(self, shards: Iterable[np.ndarray]) -> None:
        """Take in further vectors; the choice stays."""
        self.inner.add(shards)

    def remove(self, positions: np.ndarray) -> None:
        """Let the vectors at these positions be no answers any more."""
        self.inner.remove(positions)

    def search(self, queries: np.ndarray, k: int, allowed: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
        """Return positions (Q, K) int64 and scores (Q, K) float32; see `xret.index`."""
        found: tuple[np.ndarray, np.ndarray] = self.inner.search(queries, k, allowed)
        return found

    def save(self, folder: Path) -> None:
        """Write the chosen index into a folder, and what was chosen."""
        chosen = {"index": self.kind, "settings": self.settings, "tried": self.tried}
        (folder / FILE).write_text(json.dumps(chosen, indent=1) + "\n")
        self.inner.save(folder)

    def load(self, folder: Path) -> None:
        """Read it from there.

        Raises:
            UserError: a file is missing or broken.
        """
        try:
            chosen = json.loads((folder / FILE).read_text())
            self.kind, self.settings, self.tried = chosen["index"], dict(chosen["settings"]), list(chosen["tried"])
            self.inner = Flat() if self.kind == "flat" else make(self.kind, self.settings)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"cannot read {folder / FILE}: {error}; build the index again") from error
        self.inner.load(folder)
