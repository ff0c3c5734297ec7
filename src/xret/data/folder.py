"""Your own pictures in a folder, with captions in text files beside them or in one metadata file."""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from xret._errors import UserError
from xret.data.domain import check_target, domain
from xret.data.faults import MAX_CHARACTERS, MediaRoot, OnError, RowError, check_on_error, clean_text, settle
from xret.data.manifest import SPLITS, Manifest, Rejected, Row
from xret.data.parsing import read_table
from xret.data.split import assign, check_fractions
from xret.data.table import Table

PICTURES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".avif", ".svg")
METADATA = ("metadata.jsonl", "metadata.csv", "metadata.parquet")

_MAX_BYTES = 4 * MAX_CHARACTERS  # of one text file: UTF-8 has at most four bytes for a character
_SPLIT_NAMES = dict(zip(SPLITS, SPLITS, strict=True)) | {"training": "train", "testing": "test"}
_SPLIT_NAMES |= dict.fromkeys(("validation", "valid", "dev"), "val")
_FIELDS = ("domain", "lang")


@dataclass(frozen=True)
class Folder:
    """Pictures below a folder, each with its captions.

    With a metadata file at the top (``metadata.jsonl``, ``.csv`` or ``.parquet``; the layout of Hugging Face's
    imagefolder), each of its lines is a pair: ``file_name`` is the picture, ``text`` the caption, and id, group, split,
    weight, domain and lang mean what they mean in a table. Other columns are attributes.

    Without one, ``x.jpg`` has its captions in ``x.txt``, one per line; empty lines count nothing. Pictures that share a
    text file are a group. Links to other folders are not followed, and links to files outside are refused.

    To embed, a picture needs no caption: see `load_unpaired`.

    Source of the metadata file: https://huggingface.co/docs/datasets/image_dataset (imagefolder).

    Args:
        path: the folder.
        folders: what the names of sub-folders mean where there is no metadata file, from the top: split, domain, lang,
            or the name of an attribute. [split, category] reads ``train/cats/x.jpg``.
        title: column of titles of the metadata file; null: there are none.
        licence: of the data, for the data card.
        salt: another one gives another division into splits.
        fractions: shares of train, val and test, where no split is given.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: the path of a second folder, read like this one, or another source; null: none.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    path: str
    folders: Sequence[str] = ()
    title: str | None = None
    licence: str = ""
    salt: str = "xret"
    fractions: Sequence[float] = (0.7, 0.1, 0.2)
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        if isinstance(self.folders, str) or len(set(self.folders)) != len(self.folders):
            raise ValueError(f"folders must be a list of different names, [split, category], got {self.folders}")
        check_fractions(self.fractions)
        check_on_error(self.on_error)
        check_target(self.target)

    def target_domain(self) -> Any:  # noqa: ANN401 - any source
        """Return the domain to adapt to, or None."""
        return domain(self, "path", self.target)

    def load(self) -> Manifest:
        """Return the rows.

        Raises:
            UserError: there is no such folder, or its metadata file cannot be read.
        """
        return self._load(pairs=True)

    def load_unpaired(self) -> Manifest:
        """Return the rows, and those of pictures that have no caption; captions alone are no rows.

        Raises:
            UserError: there is no such folder, or its metadata file cannot be read.
        """
        return self._load(pairs=False)

    def _load(self, pairs: bool) -> Manifest:
        root = Path(self.path)
        if not root.is_dir():
            raise UserError(f"data.path must be a folder of pictures, got {root}")
        listed = next((name for name in METADATA if (root / name).is_file()), None)
        if listed is not None:
            return self._listed(root, listed, pairs)
        if self.title is not None:
            raise UserError(
                f"data.title names a column of a metadata file, and {root} has none of {', '.join(METADATA)}"
            )
        media = MediaRoot(root)
        rows: list[Row] = []
        rejected: list[Rejected] = []
        for picture, text in _pictures(root, rejected):
            try:
                rows.extend(self._rows(picture, text, media, rejected, pairs))
            except RowError as error:
                rejected.append(Rejected(_readable(picture), error.reason, error.detail))
        manifest = Manifest(root.resolve().name, tuple(rows), tuple(rejected), root, self.licence)
        return settle(assign(manifest, self.salt, self.fractions), self.on_error)

    def _listed(self, root: Path, name: str, pairs: bool) -> Manifest:
        """Return the rows of a metadata file; pictures that it does not name are rejected."""
        if self.folders:
            raise UserError(f"data.folders names sub-folders, and {root / name} gives splits and attributes as columns")
        try:
            path = root / MediaRoot(root).check(name)
        except RowError as error:
            raise UserError(f"data.path: {error.detail}") from None
        columns = {"image": "file_name"}
        table = Table(str(path), columns, self.title, str(root), False, self.salt, self.fractions)
        manifest = table.load() if pairs else table.load_unpaired()
        files = [record.get("file_name", "") for _, record in read_table(path)[1] if isinstance(record, dict)]
        named = {os.path.normpath(str(file).strip().partition("#")[0]) for file in files}
        lost: list[Rejected] = []
        for picture, _ in _pictures(root, lost):
            if picture not in named:
                lost.append(Rejected(_readable(picture), "empty", f"no line of {name} names it"))
        rejected = (*manifest.rejected, *lost)
        found = replace(manifest, name=root.resolve().name, rejected=rejected, licence=self.licence)
        return settle(found, self.on_error)

    def _rows(
        self, picture: str, text: str | None, media: MediaRoot, rejected: list[Rejected], pairs: bool
    ) -> Iterator[Row]:
        """Yield a row per caption of one picture; captions that cannot be used go to ``rejected``.

        A picture that has none is a row by itself, unless rows must be ``pairs``.

        Raises:
            RowError: the picture as a whole cannot be used.
        """
        ref = media.check(picture)
        captions = _captions(picture, text, media, rejected, pairs)
        facts = self._facts(PurePosixPath(picture))
        group = picture.removesuffix(PurePosixPath(picture).suffix)
        alone = not pairs
        for k, caption in enumerate(captions):
            name = f"{picture}.{k}" if len(captions) > 1 else picture
            try:
                inputs = {"image": ref, "text": clean_text(caption)}
            except RowError as error:
                rejected.append(Rejected(name, error.reason, error.detail))
                continue
            alone = False
            yield Row(name, group, inputs, **facts)
        if alone:
            yield Row(picture, group, {"image": ref}, **facts)

    def _facts(self, picture: PurePosixPath) -> dict[str, Any]:
        """Return what the sub-folders of a picture say of it, as arguments of `Row`."""
        said: Mapping[str, str] = dict(zip(self.folders, picture.parent.parts, strict=False))
        facts: dict[str, Any] = {name: said[name] for name in _FIELDS if name in said}
        if "split" in said:
            if said["split"].lower() not in _SPLIT_NAMES:
                raise RowError("value", f"its folder must be one of {', '.join(SPLITS)}, got {said['split']!r}")
            facts["split"] = _SPLIT_NAMES[said["split"].lower()]
        facts["attributes"] = {k: v for k, v in said.items() if k not in ("split", *_FIELDS)}
        return facts


def _pictures(root: Path, rejected: list[Rejected]) -> Iterator[tuple[str, str | None]]:
    """Yield each picture and its text file or None, both relative to the root, in order of name.

    Links to folders, which may lead in circles, go to ``rejected``.
    """
    for folder, folders, names in os.walk(root):
        folders.sort()
        here, place = set(names), PurePosixPath(Path(folder).relative_to(root).as_posix())
        for link in [name for name in folders if os.path.islink(os.path.join(folder, name))]:
            rejected.append(Rejected(_readable(str(place / link)), "outside", "a link to a folder is not followed"))
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in PICTURES:
                yield str(place / name), str(place / f"{stem}.txt") if f"{stem}.txt" in here else None


def _captions(picture: str, text: str | None, media: MediaRoot, rejected: list[Rejected], pairs: bool) -> list[str]:
    """Return the captions of a picture; none where there are none and rows need not be ``pairs``.

    Raises:
        RowError: there are none and rows must be pairs, or the text file may not be read.
    """
    try:
        if text is None:
            raise RowError("empty", "no text file of the same name beside it")
        return _lines(media.root / media.check(text))
    except RowError as error:
        if pairs:
            raise
        if text is not None and error.reason != "empty":
            rejected.append(Rejected(_readable(text), error.reason, error.detail))
        return []


def _lines(path: Path) -> list[str]:
    """Return the captions of a text file; at least one.

    Raises:
        RowError: "missing", "too_large", or "empty".
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_BYTES + 1)
    except OSError as error:
        raise RowError("missing", f"{path.name}: {error.strerror}") from None
    if len(data) > _MAX_BYTES:
        raise RowError("too_large", f"{path.name} has more than {_MAX_BYTES:,} bytes")
    lines = data.decode(errors="surrogateescape").removeprefix("\ufeff").split("\n")
    found = [line for line in lines if line.strip()]
    if not found:
        raise RowError("empty", f"{path.name} has no text")
    return found


def _readable(name: str) -> str:
    return name.encode(errors="replace").decode()
