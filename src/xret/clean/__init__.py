"""Cleaning: steps that make a dirty data set better, each change with its reason.

A step is a class in a file of its own, below what it works on, and a node of ``conf/clean/default.yaml``::

    text/    step(caption: str) -> Outcome[str]                 one caption
    image/   step(picture: PIL.Image.Image) -> Outcome[Image]   one picture, upright, RGB or RGBA
    labels/  step(value: str) -> Outcome[str]                   one value of an attribute: "retro style"
    pairs/   step(data: Pairs) -> list[Finding]                 rows that harm each other: duplicates, leaks, mismatches

A step serves in a notebook as it does in ``xret clean``: ``Symbols()("★ red dress ★").value``. It never draws lots, and
a value it has cleaned once stays as it is when it is cleaned again.

Steps that must see more than one value to know what is dirt have a method beside it, called once before the first::

    fit(values: Iterable[tuple[str, T]]) -> None    (source, value) of the training split only, each value once

``source`` says where a value comes from (the attribute that ``source=`` of the command names, "" without one; for
labels the attribute itself), so that what all pictures of one shop share can be told from what pictures have in common.
What a fitted step has learnt is in ``state() -> dict`` (of JSON), and ``restore(state)`` brings it back: a killed
cleaning goes on with it.
"""

from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Outcome(Generic[T]):
    """What a step makes of one value.

    Attributes:
        value: the value after the step; None: the row is to be left out.
        reason: what was found, in a few words ("margin of #ffffff, kept 12,8 to 210,190"); "" when nothing was.
        applied: False for a proposal: `value` is what the step would put in its place, if it is confirmed.
        evidence: share of certainty in [0, 1], for proposals and for what was applied above a threshold.
    """

    value: T | None
    reason: str = ""
    applied: bool = True
    evidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Finding:
    """Rows that harm each other, and what to do about it.

    Attributes:
        rows: ids of the rows, the one that is kept first.
        reason: what was found, in a few words.
        drop: ids of the rows to be left out; empty where the finding is only reported.
        evidence: share of certainty in [0, 1].
    """

    rows: tuple[str, ...]
    reason: str
    drop: tuple[str, ...] = ()
    evidence: float = 1.0
