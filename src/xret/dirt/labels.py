"""Labels as many hands write them: case, number, spelling, hyphens, other words for the same."""

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from xret.dirt import Planted
from xret.dirt._pools import synonyms
from xret.dirt.draws import Draws, check_share


@dataclass(frozen=True)
class Labels:
    """Write a share of the labels in another way.

    A value of an attribute has at most ``variants`` other spellings, which recur, as they do in the hands of several
    editors. None of them is another value of the attribute. ``Planted.what`` holds the way: "case", "number", "typo",
    "joint" (hyphen, underscore or none between words) or "synonym".

    Args:
        share: of the rows, for each attribute.
        variants: spellings of one value beside its own, at most.
        attributes: names of those that are labels; []: all with several values, each in two rows on average.

    Raises:
        ValueError: share is outside [0, 1], or variants below 1.
    """

    share: float = 0.3
    variants: int = 3
    attributes: Sequence[str] = ()

    def __post_init__(self) -> None:
        check_share("share", self.share)
        if self.variants < 1:
            raise ValueError(f"variants must be at least 1, got {self.variants}; share=0 plants none")

    def __call__(
        self, name: str, value: str, row: str, draws: Draws, taken: Collection[str] = ()
    ) -> tuple[str, list[Planted]]:
        """Return the label as it is written in a row, and what was planted.

        Args:
            name: of the attribute.
            value: of the attribute.
            row: id of the row.
            draws: of the data set.
            taken: all true values of the attribute, which no variant may equal, whatever their case.
        """
        rng = draws.of("label", name, row)
        if rng.random() >= self.share:
            return value, []
        found = self.spellings(name, value, draws, taken)
        if not found:
            return value, []
        written, way = rng.choice(found)
        return written, [Planted("label", name, {"way": way}, value, written)]

    def spellings(self, name: str, value: str, draws: Draws, taken: Collection[str] = ()) -> list[tuple[str, str]]:
        """Return the other spellings of a value, each with the way it was made."""
        rng = draws.of("spellings", draws.pool, name, value)
        found = [(w, way) for way, make in _WAYS for w in make(value, draws.pool, rng)]
        rng.shuffle(found)
        others = {one.casefold() for one in taken if one != value}
        kept = {w: way for w, way in found if w.strip() and w != value and w.casefold() not in others}
        return list(kept.items())[: self.variants]


Way = Callable[[str, str, random.Random], list[str]]


def _case(value: str, pool: str, rng: random.Random) -> list[str]:
    """Return a value in capitals, small letters or with one capital (seen), or as caps lock or title (unseen)."""
    if pool == "seen":
        return [value.upper(), value.lower(), value.capitalize()]
    return [value[:1].lower() + value[1:].upper(), *([value.title()] if value.title() != value.capitalize() else [])]


def _number(value: str, pool: str, rng: random.Random) -> list[str]:
    """Return the plural of a word in the singular, and the other way round; of English words only."""
    if not value.isascii() or not value[-1:].isalpha():
        return []
    if value.endswith("s"):
        return [value[:-1]] if len(value) > 3 and not value.endswith("ss") else []
    return [f"{value[:-1]}ies" if value.endswith("y") and value[-2:-1] not in "aeiou" else f"{value}s"]


def _typo(value: str, pool: str, rng: random.Random) -> list[str]:
    """Return a value with two letters changed over (seen), or one left out or doubled (unseen)."""
    if len(value) < 4 or not value.isascii():
        return []
    at = rng.randrange(1, len(value) - 1)
    if pool == "seen":
        return [f"{value[:at]}{value[at + 1]}{value[at]}{value[at + 2 :]}"]
    return [f"{value[:at]}{rng.choice(('', value[at] * 2))}{value[at + 1 :]}"]


def _joint(value: str, pool: str, rng: random.Random) -> list[str]:
    """Return a value with other marks between its words: hyphen or none (seen), underscore or two spaces (unseen)."""
    words = value.replace("-", " ").replace("_", " ").split()
    if len(words) < 2:
        return []
    return ["-".join(words), "".join(words)] if pool == "seen" else ["_".join(words), "  ".join(words)]


def _synonym(value: str, pool: str, rng: random.Random) -> list[str]:
    return list(synonyms()[pool].get(value.casefold(), ()))


_WAYS: tuple[tuple[str, Way], ...] = (
    ("case", _case),
    ("number", _number),
    ("typo", _typo),
    ("joint", _joint),
    ("synonym", _synonym),
)
