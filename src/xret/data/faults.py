"""Why a row cannot be used: a fixed set of words, and the checks that need no decoding."""

import os
import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from xret._errors import UserError
from xret.data.manifest import Manifest

Reason = Literal[
    "fields",  # the line does not parse, or has more or fewer fields than the table has columns
    "encoding",  # not valid UTF-8
    "empty",  # no text, or no file name
    "value",  # a weight or split that is not one, or a field of the wrong type
    "duplicate_id",  # the id was used before
    "outside",  # the file lies outside the root
    "missing",  # no such file
    "too_large",  # more bytes, pixels or characters than may be read
    "undecodable",  # not a picture, truncated or damaged
    "unsafe",  # a drawing that reads other files, or that grows without bound when drawn
]

MAX_CHARACTERS = 1_000_000  # of one text: longer ones are no captions, and each costs every step its time

OnError = Literal["skip", "fail"]


class RowError(Exception):
    """A row, or the media file of a row, cannot be used.

    Args:
        reason: one of `Reason`.
        detail: what was seen.
    """

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(reason, detail)  # both, so that it can be pickled
        self.reason = reason
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"


def check_on_error(on_error: str) -> None:
    """Raise ValueError unless ``on_error`` is "skip" or "fail"."""
    if on_error not in ("skip", "fail"):
        raise ValueError(f"on_error must be skip or fail, got {on_error!r}")


def settle(manifest: Manifest, on_error: str) -> Manifest:
    """Return the manifest if one can go on with it.

    Args:
        manifest: with its rejected rows.
        on_error: "skip" goes on with the usable rows, "fail" does not accept a single broken one.

    Raises:
        UserError: a row is broken and ``on_error`` is "fail", or no row is usable.
    """
    count = len(manifest.rejected)
    first = next((f"row {r.row} ({r.reason}: {r.detail})" for r in manifest.rejected), "")
    if count and on_error == "fail":
        also = f" and {count - 1} more" if count > 1 else ""
        raise UserError(f"{manifest.name}: {first}{also} cannot be used; mend it or set data.on_error=skip")
    if not manifest.rows:
        raise UserError(
            f"{manifest.name}: no usable row" + (f"; {count} rejected, the first: {first}" if count else "")
        )
    return manifest


def clean_text(text: str) -> str:
    """Return a text without white space around it.

    Raises:
        RowError: "empty", "too_large", or "encoding" where bytes that are no UTF-8 were read (they stand as lone
            surrogates).
    """
    if len(text) > MAX_CHARACTERS:
        raise RowError("too_large", f"{len(text):,} characters of text, at most {MAX_CHARACTERS:,} are read")
    check_encoding(text)
    stripped = text.strip()
    if not stripped:
        raise RowError("empty", "no text")
    return stripped


def check_encoding(text: str) -> None:
    """Raise RowError if a text holds a lone surrogate, which is how bytes outside UTF-8 are read."""
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise RowError("encoding", f"not valid UTF-8 at character {error.start + 1}") from None


@dataclass(frozen=True)
class MediaRoot:
    """The folder that media files must lie in, symbolic links followed.

    Args:
        root: the folder.
        allow_outside: accept files elsewhere too.
    """

    root: Path
    allow_outside: bool = False
    _inside: dict[str, bool] = field(default_factory=dict, repr=False, compare=False)

    def check(self, ref: str) -> str:
        """Return a media reference in its shortest form, relative to the root where it lies inside.

        Args:
            ref: path relative to the root, or absolute; what follows ``#`` selects a layer.

        Raises:
            RowError: "empty", "encoding", "outside" or "missing".
        """
        check_encoding(ref)
        name, mark, layer = ref.strip().partition("#")
        if not name:
            raise RowError("empty", "no file name")
        root = os.path.abspath(self.root)
        path = os.path.normpath(os.path.join(root, name))
        if not self.allow_outside and not (_below(path, root) and self._folder_inside(os.path.dirname(path))):
            raise RowError("outside", f"{name} is not below {self.root}; allow_outside permits it")
        try:
            mode = os.lstat(path).st_mode
            if stat.S_ISLNK(mode):
                mode = os.stat(path).st_mode
                if not self.allow_outside and not _below(os.path.realpath(path), os.path.realpath(root)):
                    raise RowError("outside", f"{name} links to a file that is not below {self.root}")
        except (OSError, ValueError) as error:  # ValueError: a null character in the name
            note = "; a # in the name of a file cannot be read" if mark else ""
            raise RowError("missing", f"{name}: {getattr(error, 'strerror', None) or error}{note}") from None
        if not stat.S_ISREG(mode):
            raise RowError("missing", f"{name} is not a file")
        return (path[len(root) :].lstrip(os.sep) if _below(path, root) else path) + mark + layer

    def _folder_inside(self, folder: str) -> bool:
        if folder not in self._inside:
            self._inside[folder] = _below(os.path.realpath(folder), os.path.realpath(self.root), itself=True)
        return self._inside[folder]


def _below(path: str, root: str, itself: bool = False) -> bool:
    return path.startswith(root.rstrip(os.sep) + os.sep) or (itself and path == root)
