"""Your own pairs from a table: CSV, TSV, JSONL or Parquet."""

import difflib
import logging
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from xret._errors import UserError
from xret.data.domain import check_target, domain
from xret.data.faults import MediaRoot, OnError, RowError, check_encoding, check_on_error, clean_text, settle
from xret.data.manifest import SPLITS, Manifest, Rejected, Row
from xret.data.parsing import Record, read_table
from xret.data.split import assign, check_fractions

log = logging.getLogger(__name__)

MEDIA = ("image", "video", "audio")
MODALITIES = ("text", *MEDIA)
FIELDS = ("id", *MODALITIES, "group", "split", "weight", "domain", "lang")

_HOW = "data.columns.image=... data.columns.text=..."
_SPLIT_NAMES = dict.fromkeys(SPLITS, "") | {"training": "train", "restval": "train", "testing": "test"}
_SPLIT_NAMES |= dict.fromkeys(("validation", "valid", "dev"), "val")


@dataclass(frozen=True)
class Table:
    """Rows of a table; at least two of the columns image, text, audio and video must be there.

    Without a column ``group``, rows with the same media file are a group. Without ``split``, groups are divided by a
    hash of their name; where some rows carry one, rows without are rejected ("validation", "valid", "dev", "training"
    and "testing" are understood). ``weight`` is a number, 0 or more. Columns with other names become attributes. A list
    of texts (JSONL, Parquet) makes a row for each.

    With ``title`` a row may lack its media file or its title, and is rejected only where it has neither; it keeps its
    text, which is what is asked for.

    Args:
        path: .csv, .tsv, .jsonl or .parquet. CSV and TSV have a header and are UTF-8.
        columns: field -> name of its column, where they differ; null: the table's column of that name is no field.
            Fields: id, image, text, audio, video, group, split, weight, domain, lang.
        title: the column of titles, which with a picture make one item (``items=late``); null: there are none.
        root: folder the media files are relative to; by default that of the table.
        allow_outside: accept media files outside the root.
        salt: another one gives another division into splits.
        fractions: shares of train, val and test.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: the path of a second table, read like this one, or another source; null: none.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    path: str
    columns: Mapping[str, str | None] = field(default_factory=dict)
    title: str | None = None
    root: str | None = None
    allow_outside: bool = False
    salt: str = "xret"
    fractions: Sequence[float] = (0.7, 0.1, 0.2)
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        for name in self.columns:
            if name not in FIELDS:
                raise ValueError(f"columns may name {', '.join(FIELDS)}, got {name!r}{_nearest(name, FIELDS)}")
        check_fractions(self.fractions)
        check_on_error(self.on_error)
        check_target(self.target)

    def target_domain(self) -> Any:  # noqa: ANN401 - any source
        """Return the domain to adapt to, or None."""
        return domain(self, "path", self.target)

    def load(self) -> Manifest:
        """Return the rows.

        Raises:
            UserError: the file cannot be read, or lacks a column.
        """
        return self._load(pairs=True)

    def load_unpaired(self) -> Manifest:
        """Return the rows, and those that hold one modality alone; one column of media or texts is enough.

        Raises:
            UserError: the file cannot be read, or lacks a column.
        """
        return self._load(pairs=False)

    def _load(self, pairs: bool) -> Manifest:
        path = Path(self.path)
        root = path.parent if self.root is None else Path(self.root)
        if not root.is_dir():
            raise UserError(f"data.root must be the folder of the media files, got {root}")
        names, records = read_table(path)
        column = self._columns(path, names, pairs)
        media = MediaRoot(root, self.allow_outside)
        rows: list[Row] = []
        rejected: list[Rejected] = []
        seen: set[str] = set()
        for number, record in records:
            try:
                if isinstance(record, RowError):
                    raise record
                rows.extend(_rows(number, record, column, media, seen, rejected, pairs))
            except RowError as error:
                rejected.append(Rejected(_name(number, record, column), error.reason, error.detail))
        manifest = Manifest(path.stem, tuple(rows), tuple(rejected), root)
        return settle(assign(manifest, self.salt, self.fractions), self.on_error)

    def _columns(self, path: Path, names: Sequence[str], pairs: bool) -> dict[str, str]:
        """Return field -> column, for the fields the table has."""
        found = {}
        for name in FIELDS:
            wanted = self.columns.get(name, name)
            if wanted in names:
                found[name] = str(wanted)
            elif wanted not in (name, None):
                near = _nearest(str(wanted), names)
                raise UserError(f"data.columns.{name}: {path} has no column {wanted!r}, it has {_listed(names)}{near}")
        if self.title is not None:
            if self.title not in names:
                near = _nearest(self.title, names)
                raise UserError(f"data.title: {path} has no column {self.title!r}, it has {_listed(names)}{near}")
            if "text" not in found and pairs:
                raise UserError(f"data.title: {path} must have a column text too, what is asked for; name it: {_HOW}")
            if self.title == found.get("text"):
                raise UserError(f"data.title={self.title} is the column of texts: a title must not be its own query")
            found["title"] = self.title
        elif len(found.keys() & set(MODALITIES)) < (2 if pairs else 1):
            others = [name for name in names if name not in found.values()]
            likely = [(m, near[0]) for m in MODALITIES if m not in found for near in [_close(m, others)] if near]
            hint = "".join(f"; data.columns.{m}={near}?" for m, near in likely)
            raise UserError(
                f"{path} must have {'two' if pairs else 'one'} of the columns {', '.join(MODALITIES)}, "
                f"it has {_listed(names)}"
                f"{hint or f'; name them with {_HOW}'}"
            )
        return found


def _rows(
    number: str,
    record: Record,
    column: Mapping[str, str],
    media: MediaRoot,
    seen: set[str],
    rejected: list[Rejected],
    pairs: bool,
) -> Iterator[Row]:
    """Yield one row per text of a record; texts that cannot be used go to ``rejected``.

    Unless rows must be ``pairs``, a record needs but one of what its table has columns for.

    Raises:
        RowError: the record as a whole cannot be used.
    """
    values = {name: record.get(source, "") for name, source in column.items()}
    name, group, domain, lang = (_one(values, key) for key in ("id", "group", "domain", "lang"))
    inputs = _target(values, column, media, pairs)
    weight = _weight(_one(values, "weight"))
    sources = set(column.values())
    attributes = {key: _joined(value) for key, value in record.items() if key not in sources}
    for text in (*attributes, *attributes.values()):
        check_encoding(text)
    split = _split(_one(values, "split"))
    name = name or number
    group = group or next((ref for m, ref in inputs.items() if m in MEDIA), name)
    texts = values.get("text", "")
    texts = "" if texts == [] and not pairs else texts
    named = {f"{name}.{k}": text for k, text in enumerate(texts)} if isinstance(texts, list) else {name: texts}
    for row, text in named.items():
        try:
            optional = inputs and not pairs and not str(text).strip()
            pair = inputs | ({"text": clean_text(text)} if "text" in column and not optional else {})
            if row in seen:
                raise RowError("duplicate_id", "used before; ids of groups go to columns.group, with columns.id=null")
        except RowError as error:
            rejected.append(Rejected(row, error.reason, error.detail))
            continue
        seen.add(row)
        yield Row(row, group, pair, split, weight, domain, lang, attributes)


def _target(
    values: Mapping[str, str | list[str]], column: Mapping[str, str], media: MediaRoot, pairs: bool
) -> dict[str, str]:
    """Return the media files of a record and its title; where there are titles or no ``pairs``, those that it has.

    Raises:
        RowError: one that must be there is missing, or all are.
    """
    named = {m: _one(values, m) for m in MEDIA if m in column}
    if "title" not in column and pairs:
        return {m: media.check(ref) for m, ref in named.items()}
    found = {m: media.check(ref) for m, ref in named.items() if ref}
    title = _one(values, "title")
    if not title and not found and (pairs or "text" not in column):
        raise RowError("empty", f"none of {', '.join([*named, 'title'])}")
    return found | ({"title": title} if title else {})


def _one(values: Mapping[str, str | list[str]], name: str) -> str:
    value = values.get(name, "")
    if isinstance(value, list):
        raise RowError("value", f"{name} must be one value, got a list")
    check_encoding(value)
    return value.strip()


def _split(name: str) -> str | None:
    if not name:
        return None
    if name.lower() not in _SPLIT_NAMES:
        raise RowError("value", f"split must be one of {', '.join(SPLITS)}, got {name!r}")
    return _SPLIT_NAMES[name.lower()] or name.lower()


def _weight(text: str) -> float:
    try:
        weight = float(text or 1)
    except ValueError:
        weight = -1
    if not 0 <= weight < math.inf:
        raise RowError("value", f"weight must be a number, 0 or more, got {text!r}")
    return weight


def _joined(value: str | list[str]) -> str:
    return ", ".join(value) if isinstance(value, list) else value


def _name(number: str, record: Record | RowError, column: Mapping[str, str]) -> str:
    """Return what a broken row is called: its id where that can be read, else its number."""
    given = record.get(column.get("id", ""), "") if isinstance(record, dict) else ""
    return given.encode(errors="replace").decode() if isinstance(given, str) and given else number


def _close(name: str, names: Iterable[str]) -> list[str]:
    return difflib.get_close_matches(name, list(names), n=1, cutoff=0.5)


def _nearest(name: str, names: Iterable[str]) -> str:
    return "".join(f"; did you mean {near}?" for near in _close(name, names))


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (", ..." if len(names) > 20 else "") or "none"
