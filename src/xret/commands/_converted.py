"""A manifest written as a table, a folder of pictures or shards, for the source of that name to read."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from xret._errors import UserError
from xret.data.manifest import WORDS, Manifest, Row
from xret.data.sharding import shards
from xret.data.table import FIELDS
from xret.data.writing import place, table
from xret.run.folder import write_whole

FORMS = ("table", "folder", "webdataset")


def convert(manifest: Manifest, form: str, folder: Path, shard_bytes: int) -> Path:
    """Write all rows and their media files, and return the path that names the data set in its new form.

    Args:
        manifest: with a split in every row.
        form: one of `FORMS`.
        folder: to write to.
        shard_bytes: a shard is closed when it has so many.

    Raises:
        UserError: that form cannot hold the rows as they are, or a file cannot be read or written.
    """
    _check(manifest, form)
    manifest = _named(manifest)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if form == "webdataset":
            return shards(manifest, folder, shard_bytes)
        files = replace(manifest, rows=tuple(replace(row, inputs=_files(row.inputs)) for row in manifest.rows))
        placed = place(files, folder)
    except OSError as error:
        raise UserError(f"cannot write {folder}: {error.filename or ''} {error.strerror or error}") from error
    picture = "file_name" if form == "folder" else "image"
    rows = [replace(row, inputs=_renamed(row, placed, picture)) for row in manifest.rows]
    path = folder / ("metadata.jsonl" if form == "folder" else "pairs.csv")
    write_whole(path, lambda file: file.write(table(rows, path.suffix)))
    return folder if form == "folder" else path


def _check(manifest: Manifest, form: str) -> None:
    """Raise where attributes would be read as something else, or a folder would have no pictures."""
    attributes = dict.fromkeys(name for row in manifest.rows for name in row.attributes)
    columns = {*FIELDS, *manifest.modalities, *(["file_name"] if form == "folder" else [])}
    if taken := [name for name in attributes if name in columns or name != name.strip() or not name]:
        raise UserError(
            f"{manifest.name} has an attribute called {taken[0]!r}, which means something else in a table; rename it"
        )
    for row in manifest.rows:
        if (
            strange := next((v for v in (row.id, row.group, row.domain, row.lang) if v != v.strip()), None)
        ) is not None:
            raise UserError(
                f"{manifest.name}: white space around {strange!r} of row {row.id} would be lost; take it away"
            )
    if form == "folder" and "image" not in manifest.modalities:
        raise UserError(f"to=folder needs pictures; {manifest.name} has {', '.join(manifest.modalities)}: to=table")


def _named(manifest: Manifest) -> Manifest:
    """Return the same rows, with a name for the group that has none: an empty field means another thing."""
    groups, name = {row.group for row in manifest.rows}, "nameless"
    while name in groups:
        name += "_"
    return replace(manifest, rows=tuple(replace(row, group=row.group or name) for row in manifest.rows))


def _files(inputs: Mapping[str, str]) -> dict[str, str]:
    return {m: ref for m, ref in inputs.items() if m not in WORDS}


def _renamed(row: Row, placed: Mapping[str, str], picture: str) -> dict[str, str]:
    """Return the inputs of a row with references into the folder, its picture under another name."""
    return {picture if m == "image" else m: value if m in WORDS else placed[value] for m, value in row.inputs.items()}
