"""What the server asks of an index and its model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np


class Refused(ValueError):  # noqa: N818 - no fault of the server
    """An engine cannot answer this: the message is one line for the client."""


@dataclass(frozen=True)
class Ask:
    """One query.

    Attributes:
        value: a text, or a picture (3, H, W) uint8 as `Engine.read` gave it.
        k: how many items are wanted.
        where: name -> values, of which an item must have one.
    """

    value: str | np.ndarray
    k: int = 10
    where: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True)
class Hit:
    """One of the nearest items.

    Attributes:
        id: of the item.
        score: cosine, or an estimate of it.
        text: caption of the item, or the item itself.
        position: its place in the index.
        picture: it has a picture that can be shown.
    """

    id: str
    score: float
    text: str
    position: int
    picture: bool


@dataclass(frozen=True)
class Explained:
    """Why a text and a picture are close.

    Attributes:
        png: the picture with its heat over it.
        words: of the text, each with its weight; negative: it is in the way.
        score: their cosine.
    """

    png: bytes
    words: Sequence[tuple[str, float]]
    score: float


@dataclass(frozen=True)
class About:
    """What does not change about an engine.

    Attributes:
        name: shown where two engines answer side by side.
        items: how many there are.
        target: their modality.
        data: name of the data set.
        queries: "text", "image" or both.
        filters: name -> values that a client may choose from.
        explains: `Engine.explain` works.
        version: of the index; another one where items may have changed.
    """

    name: str
    items: int
    target: str
    data: str
    queries: Sequence[str]
    filters: Mapping[str, Sequence[str]]
    explains: bool
    version: str


class Engine(Protocol):
    """An index and its model. Methods are called from several threads; `answer` from one at a time."""

    @property
    def about(self) -> About:
        """What does not change."""
        ...

    def check(self, where: Mapping[str, Sequence[str]]) -> None:
        """Raise `Refused` where no item has such an attribute or value."""
        ...

    def answer(self, asks: Sequence[Ask]) -> tuple[list[list[Hit]], Mapping[str, float]]:
        """Return the answers to each query, best first, and the milliseconds of "encode", "search" and "rerank"."""
        ...

    def read(self, data: bytes, max_pixels: int) -> np.ndarray:
        """Return a picture (3, H, W) uint8 that a client sent, or raise `Refused`."""
        ...

    def picture(self, position: int, longest_px: int) -> bytes:
        """Return the picture of an item as PNG, or raise `Refused`; 0 <= position < items."""
        ...

    def explain(self, text: str, position: int) -> Explained:
        """Explain an answer, or raise `Refused`; 0 <= position < items."""
        ...

    def pair(self, text: str, position: int) -> dict[str, Any] | None:
        """Return what a table of pairs says of a text and an item; None: they make no pair."""
        ...
