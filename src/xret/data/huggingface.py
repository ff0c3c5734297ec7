"""Data sets of the Hugging Face library: a folder that ``save_to_disk`` wrote, or a name on the hub."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from xret._errors import UserError
from xret.data.arrow import Part, hub, saved
from xret.data.domain import check_target, domain
from xret.data.faults import MediaRoot, OnError, RowError, check_on_error, settle
from xret.data.manifest import Manifest
from xret.data.sharding import MEDIA_OF
from xret.data.split import check_fractions
from xret.data.table import FIELDS, Table
from xret.data.unpacking import MAX_MEDIA, TABLE, Unpacking, rejected_in, unpacked

_PICTURES = ("image", "img", "picture", "photo", "jpg", "png", "webp")
_CAPTIONS = ("text", "caption", "captions", "sentence", "sentences", "raw", "txt")
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")
_MAGIC = (
    (b"\x89PNG", "png"),
    (b"\xff\xd8", "jpg"),
    (b"GIF8", "gif"),
    (b"RIFF", "webp"),
    (b"BM", "bmp"),
    (b"II*\0", "tif"),
    (b"MM\0*", "tif"),
    (b"<", "svg"),
)  # how files begin, and what they are called


@dataclass(frozen=True)
class HuggingFace:
    """Rows of a data set with a column of pictures and one of captions.

    A folder that ``save_to_disk`` wrote is read without the library ``datasets``; names on the hub need it. A list of
    captions makes a row for each. Rows with the same picture are a group. Where there are several splits, their names
    are those of the rows; a single one is divided. Other columns become attributes, labels by their names.

    Pictures are copied once into a folder of the cache, bytes as they are; those given as a path must lie below
    ``root``.

    Source: https://huggingface.co/docs/datasets, Arrow files as of ``save_to_disk``.

    Args:
        path: the folder, or a name on the hub.
        subset: of a data set on the hub that has several; null: its default.
        image: column of pictures; null: the first of that type, or one called image, img, ...
        text: column of captions; null: one called text, caption, captions, sentence, ...
        columns: field -> name of its column, where they differ; as for a table, without image and text.
        title: column of titles; null: there are none.
        root: folder that pictures given as paths must lie in; null: that of the data set.
        max_gb: of all pictures; more is refused.
        licence: for the data card; null: what the data set says.
        salt: another one gives another division into splits.
        fractions: shares of train, val and test, where no split is given.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: the path of a second data set, read like this one, or another source; null: none.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    path: str
    subset: str | None = None
    image: str | None = None
    text: str | None = None
    columns: Mapping[str, str | None] = field(default_factory=dict)
    title: str | None = None
    root: str | None = None
    max_gb: float = 100
    licence: str | None = None
    salt: str = "xret"
    fractions: Sequence[float] = (0.7, 0.1, 0.2)
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        own = [name for name in FIELDS if name not in ("image", "text")]
        if strange := [name for name in self.columns if name not in own]:
            raise ValueError(f"columns may name {', '.join(own)}, got {strange[0]!r}")
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
            UserError: there is no such data set, it lacks a column, or the hub cannot be reached.
        """
        here = Path(self.path)
        if here.is_dir():
            parts, licence, root = saved(here)
        elif _HUB_NAME.fullmatch(self.path):
            parts, licence, root = hub(self.path, self.subset)
        else:
            raise UserError(
                f"data.path must be a folder that save_to_disk wrote, or a name on the hub, got {self.path}"
            )
        root = root if self.root is None else Path(self.root)
        names = list(parts[0].features)
        image = self._column("image", _PICTURES, names, _typed(parts[0], "Image"))
        text = self._column("text", _CAPTIONS, names, [])
        settings = repr((image, text, str(root), [(part.split, part.key) for part in parts]))
        key = hashlib.sha256(f"huggingface {settings}".encode()).hexdigest()
        fill = _filling(parts, image, text, MediaRoot(root))
        folder = unpacked(key, int(self.max_gb * 1e9), fill)
        name, said = here.name or self.path, licence if self.licence is None else self.licence
        rejected = rejected_in(folder)
        if not (folder / TABLE).stat().st_size:
            return settle(Manifest(name, (), rejected, folder), self.on_error)
        columns = {**self.columns, "image": image, "text": text}
        table = Table(str(folder / TABLE), columns, self.title, salt=self.salt, fractions=self.fractions)
        found = table.load()
        whole = replace(found, name=name, rejected=rejected + found.rejected, licence=said)
        return settle(whole, self.on_error)

    def _column(self, what: str, usual: Iterable[str], names: Sequence[str], typed: Sequence[str]) -> str:
        """Return the column of pictures or captions."""
        wanted = getattr(self, what)
        found = [wanted] if wanted is not None else [*typed, *(name for name in usual if name in names)]
        if not found or found[0] not in names:
            raise UserError(
                f"data.{what} must name a column of {self.path}; it has {', '.join(names[:20])}, got {wanted}"
            )
        return str(found[0])


def _typed(part: Part, kind: str) -> list[str]:
    return [name for name, what in part.features.items() if isinstance(what, dict) and what.get("_type") == kind]


def _filling(parts: Sequence[Part], image: str, text: str, media: MediaRoot) -> Callable[[Unpacking], None]:
    """Return what writes pictures and rows into a folder."""
    others = [name for kind in ("Image", "Audio", "Video") for name in _typed(parts[0], kind)]
    named = {name: what["names"] for name, what in parts[0].features.items() if _is_label(what)}

    def fill(into: Unpacking) -> None:
        for part in parts:
            given = {"split": part.split} if len(parts) > 1 else {}
            for number, row in enumerate(part.rows(), 1):
                try:
                    ref = _picture(row.get(image), media, into)
                except RowError as error:
                    into.reject(f"{part.split}/{number}", error)
                    continue
                facts = {n: _fact(v, named.get(n)) for n, v in row.items() if n not in (*others, image)}
                into.pair({**given, **facts, image: ref})

    return fill


def _is_label(what: object) -> bool:
    return isinstance(what, dict) and what.get("_type") == "ClassLabel" and isinstance(what.get("names"), list)


def _picture(value: object, media: MediaRoot, into: Unpacking) -> str:
    """Write a picture and return its reference; equal ones are one file.

    Raises:
        RowError: there is none, or it may not be read.
    """
    path, data = value if isinstance(value, str) else None, value
    if isinstance(value, dict):
        path, data = value.get("path"), value.get("bytes")
    if not isinstance(data, bytes):
        if not isinstance(path, str):
            raise RowError("empty", "no picture")
        data = _bytes(media.root / media.check(path))
    suffix = PurePosixPath(path).suffix.lower().removeprefix(".") if isinstance(path, str) else ""
    if MEDIA_OF.get(suffix) != "image":
        begin = data.lstrip(b"\xef\xbb\xbf \t\r\n") if data[:64].strip().startswith(b"<") else data
        suffix = next((name for magic, name in _MAGIC if begin.startswith(magic)), "")
        suffix = "avif" if data[4:12] == b"ftypavif" else suffix
    if not suffix:
        raise RowError("undecodable", "not a picture in a format that is read")
    return into.media(hashlib.sha256(data).hexdigest(), suffix, data)


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(MAX_MEDIA + 1)
    except OSError as error:
        raise RowError("missing", f"{path.name}: {error.strerror}") from None


def _fact(value: object, names: Sequence[str] | None) -> object:
    """Return a value as JSON holds it: labels by their names, no bytes."""
    if names is not None and isinstance(value, int) and 0 <= value < len(names):
        return names[value]
    if isinstance(value, bytes | bytearray):
        return None
    if value is None or isinstance(value, str | int | float):
        return value
    return json.loads(json.dumps(value, default=lambda other: None if isinstance(other, bytes) else str(other)))
