"""What `auto` tries, and the least effort with which each reaches a recall."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from xret.index._engine import Engine
from xret.index.flat import Flat
from xret.index.hnsw import HNSW
from xret.index.ivf import IVF
from xret.index.ivfpq import IVFPQ
from xret.index.parity import Truth, answers, recall, times_as_fast
from xret.index.pq import PQ

_FACTORS = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128)
_TOO_SLOW = 4  # times as long as exact search, and short of the recall: no further step will be fast
_EFFORTS = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 256, 384, 512)


@dataclass(frozen=True)
class Candidate:
    """An index and its ladder.

    Attributes:
        make: builds it.
        effort: its name of the effort, which the ladder raises; "": it has none.
        refines: the ladder chooses how many candidates are compared again.
        slow_to_build: tried only where nothing else is fast.
    """

    make: Callable[..., Engine]
    effort: str
    refines: bool
    slow_to_build: bool = False


CANDIDATES: Mapping[str, Candidate] = {
    "ivf": Candidate(IVF, "probes", False),
    "ivf_int8": Candidate(partial(IVF, storage="int8", refine=4), "probes", False),  # reads a quarter of the memory
    "pq": Candidate(PQ, "", True),
    "ivfpq": Candidate(IVFPQ, "probes", True),
    "hnsw": Candidate(HNSW, "candidates", False, slow_to_build=True),
}


@dataclass(frozen=True)
class Measured:
    """A candidate at the step of its ladder that was taken.

    Attributes:
        kind: its name.
        settings: constructor arguments of that step.
        recall: with queries that did not choose the step.
        single: times as fast as exact search, one query at a time.
        many: the same in batches.
        index: at that step.
    """

    kind: str
    settings: dict[str, Any]
    recall: float
    single: float
    many: float
    index: Engine


def make(kind: str, settings: Mapping[str, Any]) -> Engine:
    """Return an index of a kind.

    Raises:
        KeyError: there is no such kind.
        TypeError: it has no such setting.
    """
    return CANDIDATES[kind].make(**settings)


def climb(
    kind: str,
    index: Engine,
    known: Truth,
    shards: Iterable[np.ndarray],
    goal: float,
    exact: Flat,
    scale: float,
    how: tuple[int, int, float],
) -> Measured | None:
    """Set the least effort with which an index reaches a recall, judged with queries that did not choose it.

    Args:
        kind: of the index.
        index: built; its effort is set.
        known: queries and exact answers; the even ones choose, the odd ones judge.
        shards: the vectors.
        goal: recall to reach, for the choice and in the judgement.
        exact: exact search, maybe on a sample of the vectors.
        scale: how many times as many vectors there are in all.
        how: answers wanted, queries in a batch, and seconds for each measurement of speed.

    Returns:
        None where no step reaches the recall, or only steps far slower than exact search do.
    """
    k, batch, seconds = how
    choosing, judging = _half(known, 0), _half(known, 1)
    began = time.perf_counter()
    answers(exact, choosing)
    exact_s = scale * (time.perf_counter() - began)
    for effort, factor in _steps(CANDIDATES[kind], index):
        index.effort = effort
        index.k_factor = factor if CANDIDATES[kind].refines else index.k_factor
        began = time.perf_counter()
        found = answers(index, choosing)
        seconds_taken = time.perf_counter() - began
        if recall(found, choosing, shards, [k])[k] < goal:
            if seconds_taken > _TOO_SLOW * exact_s:
                return None
            continue
        kept = recall(answers(index, judging), judging, shards, [k])[k]
        if kept < goal:  # a step that only just passed
            continue
        single, many = (scale * times_as_fast(index, exact, known.queries, k, n, seconds) for n in (1, batch))
        return Measured(kind, _settings(CANDIDATES[kind], effort, factor), kept, single, many, index)
    return None


def _steps(candidate: Candidate, index: Engine) -> list[tuple[int, float]]:
    """Return (effort, k_factor) in the order of what they cost."""
    efforts: Sequence[int] = _EFFORTS if candidate.effort else (1,)
    if candidate.effort == "candidates":
        efforts = tuple(e for e in _EFFORTS if e >= 16)
    factors: Sequence[int] = _FACTORS if candidate.refines else (1,)
    if len(efforts) == 1 or len(factors) == 1:
        return [(e, float(f)) for e in efforts for f in factors]
    return [(e, float(f)) for e in efforts for f in (8, 16, 32)]


def _settings(candidate: Candidate, effort: int, factor: float) -> dict[str, Any]:
    named: dict[str, Any] = {candidate.effort: effort} if candidate.effort else {}
    return named | ({"refine": factor} if candidate.refines else {})


def _half(known: Truth, rest: int) -> Truth:
    return replace(known, queries=known.queries[rest::2], own=known.own[rest::2], scores=known.scores[rest::2])
