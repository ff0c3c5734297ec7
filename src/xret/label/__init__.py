"""Labels: what is shown, said in words of a few attributes, from sources that are weaker than a person but cheaper.

A labeller is a class in a file of its own and an option of ``label=``. It is called once, with all rows::

    labeller(rows: Rows, attributes: {name: labels | None}) -> {name: [Label for each row]}

    labels      that are allowed; None: whatever the source itself knows

It labels rows that have a label already, too: how often the two are equal says what its other labels are worth. It
never sees the label of the row itself, nor those of other rows of its group. ``report()`` gives counts worth knowing of
the last call, name -> number.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

Attributes = Mapping[str, Sequence[str] | None]


@dataclass(frozen=True, slots=True)
class Label:
    """One value of an attribute, or that there is none.

    Attributes:
        value: "red"; None where the source cannot tell.
        confidence: in [0, 1], 0 without a value.
    """

    value: str | None = None
    confidence: float = 0.0


NONE = Label()


@dataclass(frozen=True)
class Rows:
    """What labellers may see of R rows.

    Attributes:
        captions: R texts, "" where a row has none.
        groups: R names of what is the same thing.
        training: (R,) bool, rows whose labels others may be told by.
        known: attribute -> R labels that are there, "" where there is none.
        vectors: modality -> (R, D) float32 unit vectors of the rows, zero where one has none.
        encode: N texts -> (N, D) float32 unit vectors in the space of ``vectors``.
        load: name of a model of `transformers` that writes text -> the model and its tokeniser.
        kept: folder where answers are kept from one call to another; None: nowhere.
    """

    captions: Sequence[str]
    groups: Sequence[str]
    training: np.ndarray
    known: Mapping[str, Sequence[str]] = field(default_factory=dict)
    vectors: Callable[[str], np.ndarray] | None = None
    encode: Callable[[Sequence[str]], np.ndarray] | None = None
    load: Callable[[str], tuple[Any, Any]] | None = None
    kept: Path | None = None

    def __len__(self) -> int:
        """Return R."""
        return len(self.captions)
