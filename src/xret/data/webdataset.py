"""WebDataset shards: tar files in which members of one name are a sample."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from xret.data.domain import check_target, domain
from xret.data.faults import OnError, RowError, check_on_error, settle
from xret.data.manifest import WORDS, Manifest
from xret.data.samples import Sample, samples, shard_files
from xret.data.sharding import MEDIA_OF
from xret.data.split import check_fractions
from xret.data.table import FIELDS, MEDIA, Table
from xret.data.unpacking import TABLE, Unpacking, container_key, rejected_in, unpacked

_CAPTION = ("text", "caption")


@dataclass(frozen=True)
class WebDataset:
    """Samples of tar files; plain ones, not compressed.

    Members that are called alike up to the first dot, and stand together, are a sample: a picture (``KEY.jpg``, or an
    audio or video file), captions in ``KEY.txt``, one per line, and facts in ``KEY.json``, an object. id, group, split,
    weight, domain and lang in it mean what they mean in a table, other keys and ``KEY.cls`` become attributes. Where
    there is no .txt, its key "text" or "caption" has the caption, or a list of them. What ``data convert`` writes comes
    back as it was. Without an id, the key of a sample is its id.

    The tar files are read once, as streams, into a folder of the cache; after that, it is as quick as a table. Names of
    members are names of samples, never paths; links and devices in a tar file are rejected.

    Source: https://github.com/webdataset/webdataset.

    Args:
        path: a tar file, a folder of them, a pattern (``shard-*.tar``) or a range (``shard-{000..003}.tar``).
        text: key of the JSON member that has the caption, also where there is a .txt; null: as said above.
        title: key of the JSON member that has a title; null: there are none.
        max_gb: of all media files; more is refused.
        licence: of the data, for the data card.
        salt: another one gives another division into splits.
        fractions: shares of train, val and test, where no split is given.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: the path of other shards, read like these, or another source; null: none.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    path: str
    text: str | None = None
    title: str | None = None
    max_gb: float = 100
    licence: str = ""
    salt: str = "xret"
    fractions: Sequence[float] = (0.7, 0.1, 0.2)
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        if not self.max_gb > 0:
            raise ValueError(f"max_gb must be positive, got {self.max_gb}")
        check_fractions(self.fractions)
        check_on_error(self.on_error)
        check_target(self.target)

    def target_domain(self) -> Any:  # noqa: ANN401 - any source
        """Return the domain to adapt to, or None."""
        return domain(self, "path", self.target)

    def load(self) -> Manifest:
        """Return the rows.

        Raises:
            UserError: there are no such files, one is no tar file, or they hold too much.
        """
        files = shard_files(self.path)
        key = container_key(f"webdataset {self.text}", files)
        folder = unpacked(key, int(self.max_gb * 1e9), lambda into: self._fill(into, files))
        rejected = rejected_in(folder)
        if not (folder / TABLE).stat().st_size:
            return settle(Manifest(Path(self.path).stem, (), rejected, folder), self.on_error)
        found = Table(str(folder / TABLE), title=self.title, salt=self.salt, fractions=self.fractions).load()
        whole = replace(found, name=Path(self.path).stem, rejected=rejected + found.rejected, licence=self.licence)
        return settle(whole, self.on_error)

    def _fill(self, into: Unpacking, files: Sequence[Path]) -> None:
        """Unpack the samples of all shards; rows that know their place come in its order, all others as they stand."""
        seen: set[int] = set()
        placed: list[tuple[int, dict[str, Any]]] = []
        for path in files:
            for key, sample in samples(path, into.reject):
                try:
                    if hash(key) in seen:
                        raise RowError("duplicate_id", "the key was used before")
                    seen.add(hash(key))
                    for row, record in _records(key, sample, into, self.text):
                        placed.append((row if isinstance(row, int) else len(placed), record))
                except RowError as error:
                    into.reject(key, error)
        placed.sort(key=lambda pair: pair[0])
        for _, record in placed:
            into.pair(record)


def _records(key: str, sample: Sample, into: Unpacking, text: str | None) -> Iterator[tuple[Any, dict[str, Any]]]:
    """Yield the rows of the table that a sample makes, and the place of each where it knows it.

    Raises:
        RowError: there is no medium or nothing that goes with it.
    """
    facts = _object(sample.get("json", b"{}"))
    media = {MEDIA_OF[suffix]: suffix for suffix in sample if suffix in MEDIA_OF}
    whole = facts.get("captions")
    rows = whole if isinstance(whole, list) and whole and all(isinstance(r, dict) for r in whole) else None
    captions = [] if rows is not None else _captions(sample, facts, text)
    if len(media) + bool(captions) < 2 and rows is None:
        raise RowError("empty", f"a sample of {', '.join(sorted(sample))} is no pair")
    layers = facts.get("layers") if rows is not None else None
    refs = {m: into.media(f"{key}.{suffix}", suffix, sample[suffix]) + _layer(layers, m) for m, suffix in media.items()}
    if rows is not None:
        yield from ((row.get("row"), _whole(row) | refs) for row in rows)
        return
    shown = {name: value for name, value in facts.items() if name not in (*MEDIA, *_CAPTION, text)}
    shown |= {"cls": sample["cls"].decode(errors="replace").strip()} if "cls" in sample else {}
    yield None, {"id": key, **shown, **refs, "text": captions[0] if len(captions) == 1 else captions}


def _object(data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise RowError("fields", f"not valid JSON: {error}") from None
    if not isinstance(found, dict):
        raise RowError("fields", "its JSON is no object")
    return found


def _captions(sample: Sample, facts: Mapping[str, Any], text: str | None) -> list[str]:
    """Return the captions of a sample."""
    if text is None and "txt" in sample:
        lines = sample["txt"].decode(errors="surrogateescape").removeprefix("\ufeff").split("\n")
        return [line for line in lines if line.strip()]
    given: Any = next((facts[name] for name in (_CAPTION if text is None else (text,)) if facts.get(name)), [])
    return [str(each) for each in given] if isinstance(given, list) else [str(given)]


def _layer(layers: object, modality: str) -> str:
    """Return "#line" where a sample says that a picture is one."""
    layer = layers.get(modality) if isinstance(layers, dict) else None
    if layer not in (None, "line"):
        raise RowError("value", f"the layer of a picture must be line, got {str(layer)[:40]!r}")
    return f"#{layer}" if layer else ""


def _whole(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row that `xret.data.sharding` wrote: its fields, and its attributes beside them."""
    given: Any = row.get("attributes")
    attributes = {n: v for n, v in given.items() if n not in FIELDS} if isinstance(given, dict) else {}
    return attributes | {n: row[n] for n in (*FIELDS, *WORDS) if n in row and n not in MEDIA}
