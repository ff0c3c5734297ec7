"""Steps that find rows which harm each other: ``step(data: Pairs) -> list[Finding]``."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

THUMBNAIL_PX = 64  # side of the pictures that the steps look at


def _nothing() -> Iterable[np.ndarray]:
    return ()


@dataclass(frozen=True)
class Pairs:
    """The rows of a data set, as far as these steps look at them; what is large is asked for when it is needed.

    Attributes:
        ids: of the R rows.
        groups: (R,) what makes two rows the same thing.
        splits: (R,) train, val or test.
        captions: (R,) text of each row, "" where there is none.
        pictures: (R,) int, which of the N pictures each row holds, -1: none.
        thumbnails: gives all N pictures once and in order, in blocks (B, 64, 64, 3) of uint8, RGB, each squashed into
            the square; zeros where one cannot be read. A step may ask more than once.
        known: copies among the pictures that a step has found already, by what tells them; see `_copies.copies_in`.
        vectors: gives "image" and "text" -> (R, D) float vectors of the rows, of frozen encoders; a memory map will do.
    """

    ids: Sequence[str]
    groups: Sequence[str]
    splits: Sequence[str]
    captions: Sequence[str]
    pictures: np.ndarray
    thumbnails: Callable[[], Iterable[np.ndarray]] = _nothing
    vectors: Callable[[], Mapping[str, np.ndarray]] | None = None
    known: dict[float, Any] = field(default_factory=dict)
