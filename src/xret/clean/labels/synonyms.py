"""Synonyms: labels that a table says are one."""

import csv
from collections.abc import Iterable, Iterator, Mapping
from importlib import resources
from pathlib import Path

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.labels._value import TOO_LONG, fold, outcome


class Synonyms:
    """Put the name that a table prefers in the place of others.

    A value is looked up whole, without regard to case, hyphens and spaces around. Of the shipped entries, those that
    are two spellings of one English word (grey: gray) hold for every word of a value, "dark grey" too.

    Args:
        table: preferred name -> its other names: ``{vintage: [retro, old school]}``.
        file: more of the kind, a line each, the preferred name first: tabs between the names, or commas in a .csv file.
        shipped: use the entries that come along, too: spellings, and names of colours and materials in Chinese.

    Raises:
        ValueError: one name stands for two, or names lead in a circle.
        UserError: the file cannot be read, or has a line without other names.
    """

    def __init__(
        self, table: Mapping[str, Iterable[str]] | None = None, file: str | None = None, shipped: bool = True
    ) -> None:
        own = [*_entries(table or {}), *(_lines(Path(file)) if file is not None else ())]
        preferred = _resolved(own)
        known = {*preferred, *preferred.values()}  # what the user says wins over what comes along
        more = _shipped("values.tsv") if shipped else {}
        self._values: dict[str, str] = _resolved([*own, *((new, old) for old, new in more.items() if old not in known)])
        self._forms: dict[str, str] = {fold(new): new for new, _ in own}
        self._words = {old: new for old, new in (_shipped("words.tsv") if shipped else {}).items() if old not in known}

    def __call__(self, value: str) -> Outcome[str]:
        """Return the preferred name of a value."""
        if len(value) > TOO_LONG:
            return Outcome(value)
        plain = fold(value)
        if plain in self._values:
            return outcome(value, self._form(self._values[plain]), f"synonym of {plain!r} by the table")
        if plain in self._forms:
            return Outcome(value)
        words = plain.split(" ")
        other = " ".join(self._words.get(word, word) for word in words)
        if other == plain:
            return Outcome(value)
        return outcome(value, self._form(self._values.get(other, other)), f"spelling of {plain!r} by the table")

    def _form(self, plain: str) -> str:
        """Return a preferred name as the user wrote it."""
        return self._forms.get(plain, plain)


def _entries(table: Mapping[str, Iterable[str]]) -> Iterator[tuple[str, str]]:
    """Yield (preferred, other) of a table."""
    for new, others in table.items():
        if isinstance(others, str):
            raise ValueError(f"other names of {new} must be a list, got {others!r}; write [{others}]")
        for other in others:
            yield str(new), str(other)


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    """Yield (preferred, other) of a file."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, delimiter="," if path.suffix.lower() == ".csv" else "\t"))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"the table of synonyms {path} cannot be read: {error}") from error
    for number, row in enumerate(rows, 1):
        names = [name.strip() for name in row if name.strip()]
        if len(names) == 1:
            raise UserError(
                f"{path} line {number}: a preferred name and others must stand here, got {names[0]!r} alone"
            )
        yield from ((names[0], other) for other in names[1:])


def _resolved(entries: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return other name -> preferred name, both folded, chains followed to their end."""
    found: dict[str, str] = {}
    for preferred, other in entries:
        new, old = fold(preferred), fold(other)
        if not new or not old:
            raise ValueError(f"names must have letters, got {preferred!r} for {other!r}")
        if new != old and found.setdefault(old, new) != new:
            raise ValueError(f"{other!r} cannot stand for {found[old]!r} and for {new!r}; leave it in one place")
    for old in found:
        seen = [old]
        while seen[-1] in found:
            seen.append(found[seen[-1]])
            if seen.count(seen[-1]) > 1:
                raise ValueError(f"names lead in a circle: {' -> '.join(seen)}")
    return {old: _last(found, old) for old in found}


def _last(found: Mapping[str, str], name: str) -> str:
    while name in found:
        name = found[name]
    return name


def _shipped(name: str) -> dict[str, str]:
    text = resources.files("xret.clean.labels").joinpath("data", name).read_text(encoding="utf-8")
    rows = [line.split("\t") for line in text.splitlines() if line]
    return _resolved((row[0], other) for row in rows for other in row[1:])
