"""Dirt: what spoils the data of real shops and stock sites, planted on purpose and written down.

A study trains on dirty data, cleans it and sees what is regained; what was planted is known, so that a cleaner can be
scored. Each kind of dirt is a class in a file of its own, and `xret.dirt.recipe` holds one of each::

    captions(caption, row, draws) -> (caption, [Planted])
    images(picture, name, draws)  -> DirtyPicture | None
    labels(name, value, row, draws, taken) -> (value, [Planted])
    swapped(rows, groups, draws)  -> the row whose partner each row is given

``draws`` is a `xret.dirt.draws.Draws`: what is drawn for a row depends on the seed and the id of the row (of a picture:
on its reference), neither on its place nor on other rows. Two things look at others: a swap, where a row that is added
may change the partners of its neighbours, and labels, which are never written as another label that there is.

Whatever could be learnt by heart (phrases, names, fonts, colours, placements, opacities, spellings) comes from pools in
two disjoint halves: a cleaner is developed on ``seen`` and measured on ``unseen``.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Planted:
    """One piece of dirt in one value of one row.

    Attributes:
        kind: "promotion", "margins", "label", ...
        field: the modality, or the attribute, that holds the value.
        what: what was planted, for JSON; see the class that planted it.
        before: the value without it, for a picture its file; "" where the caller must fill it in.
        after: the value with it, likewise.
    """

    kind: str
    field: str
    what: Mapping[str, Any]
    before: str = ""
    after: str = ""
