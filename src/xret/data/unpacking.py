"""Data sets in containers, unpacked once: media files and a table of their pairs in a folder of the cache."""

import hashlib
import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TextIO

import numpy as np

from xret._errors import UserError
from xret.data.cache import FeatureCache
from xret.data.content import content_key
from xret.data.faults import RowError
from xret.data.locking import locked
from xret.data.manifest import Items, Rejected

log = logging.getLogger(__name__)

MAX_MEDIA = 200_000_000  # bytes of one media file, as of one that is read
TABLE = "pairs.jsonl"


@dataclass
class Unpacking:
    """A folder that is being filled.

    No name from the container becomes the name of a file: media files are called after a hash of their key.

    Args:
        folder: a new one.
        most: bytes of media files in all.
    """

    folder: Path
    most: int
    _used: int = 0
    _pairs: TextIO = field(init=False, repr=False)
    _rejected: TextIO = field(init=False, repr=False)

    def __enter__(self) -> Self:
        """Open the table and the list of what is rejected."""
        self._pairs = (self.folder / TABLE).open("w", encoding="utf-8")
        self._rejected = (self.folder / "rejected.jsonl").open("w", encoding="utf-8")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close both."""
        self._pairs.close()
        self._rejected.close()

    def media(self, key: str, suffix: str, data: bytes) -> str:
        """Write a media file and return its reference.

        Args:
            key: unique among all media files.
            suffix: of its name, "png".
            data: its content.

        Raises:
            RowError: "too_large", for this one.
            UserError: all of them are too large.
        """
        if len(data) > MAX_MEDIA:
            raise RowError("too_large", f"more than {MAX_MEDIA:,} bytes")
        self._used += len(data)
        if self._used > self.most:
            raise UserError(f"the media files are more than {self.most / 1e9:g} GB; data.max_gb permits more")
        name = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()[:32]
        path = self.folder / "media" / name[:2] / f"{name}.{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path.relative_to(self.folder).as_posix()

    def pair(self, record: Mapping[str, Any]) -> None:
        """Add a row to the table; objects and nested lists in it become JSON texts, empty values are left out."""
        flat = {k: json.dumps(v) if _nested(v) else v for k, v in record.items() if v not in (None, "", [])}
        self._pairs.write(json.dumps(flat) + "\n")

    def reject(self, row: str, error: RowError) -> None:
        """Say that a row cannot be used."""
        lost = Rejected(row.encode(errors="replace").decode(), error.reason, error.detail)
        self._rejected.write(json.dumps(asdict(lost)) + "\n")


def _nested(value: object) -> bool:
    return isinstance(value, dict) or (isinstance(value, list) and any(isinstance(v, dict | list) for v in value))


def container_key(what: str, files: Sequence[Path]) -> str:
    """Return a hash of the content and names of files, and of what is made of them.

    Raises:
        UserError: a name has a ``#``, which would be taken for a layer.
    """
    root = Path(os.path.commonpath([path.resolve().parent for path in files]))
    refs = tuple(path.resolve().relative_to(root).as_posix() for path in files)
    if strange := [ref for ref in refs if "#" in ref]:
        raise UserError(f"a # in the name of a file cannot be read: {strange[0]}")
    return content_key(what, Items("container", refs, np.arange(len(refs))), root)


def unpacked(key: str, most: int, fill: Callable[[Unpacking], None]) -> Path:
    """Return the folder of a container in the cache; it is filled where no process has done it before.

    The folder appears whole or not at all. ``xret cache`` lists and clears it.

    Args:
        key: hash of the container and of how it is read.
        most: bytes of media files in all.
        fill: what reads the container.

    Raises:
        UserError: the cache cannot be written.
    """
    folder = FeatureCache().root / "data" / key[:32]
    try:
        with locked(folder.with_suffix(".lock")):
            if not folder.exists():
                folder.parent.mkdir(parents=True, exist_ok=True)
                part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key[:8]}-"))
                try:
                    with Unpacking(part, most) as into:
                        fill(into)
                    part.rename(folder)
                finally:
                    shutil.rmtree(part, ignore_errors=True)
                log.info("unpacked into %s", folder)
    except OSError as error:
        raise UserError(f"cannot unpack into {folder}: {error.strerror or error}") from error
    return folder


def rejected_in(folder: Path) -> tuple[Rejected, ...]:
    """Return what was rejected while a folder was filled."""
    with (folder / "rejected.jsonl").open(encoding="utf-8") as file:
        return tuple(Rejected(**json.loads(line)) for line in file)
