"""A manifest as a table: what `xret.data.table` reads again."""

import csv
import hashlib
import io
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from xret.data.manifest import WORDS, Manifest, Row, media_path

FIELDS = ("id", "group", "split", "weight", "domain", "lang")


SUFFIXES = (".csv", ".tsv", ".jsonl", ".parquet")


def table(rows: Sequence[Row], suffix: str = ".csv") -> bytes:
    """Return rows as a table file, a column for each modality and attribute; where a row lacks one, it is empty.

    Args:
        rows: of a manifest.
        suffix: one of `SUFFIXES`.

    Raises:
        ValueError: another suffix.
    """
    if suffix not in SUFFIXES:
        raise ValueError(f"suffix must be one of {', '.join(SUFFIXES)}, got {suffix!r}")
    modalities = dict.fromkeys(m for row in rows for m in row.inputs)
    attributes = dict.fromkeys(a for row in rows for a in row.attributes)
    columns = [*FIELDS, *modalities, *attributes]
    lines = _lines(rows, list(modalities), list(attributes))
    if suffix == ".parquet":
        return _parquet(columns, list(lines))
    out = io.StringIO(newline="")
    if suffix == ".jsonl":
        for line in lines:
            held = {name: value for name, value in zip(columns, line, strict=True) if value}
            out.write(json.dumps(held, ensure_ascii=False) + "\n")
    else:
        writer = csv.writer(out, delimiter="\t" if suffix == ".tsv" else ",", lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)
    return out.getvalue().encode()


def _lines(rows: Sequence[Row], modalities: Sequence[str], attributes: Sequence[str]) -> Iterator[list[str]]:
    for row in rows:
        facts = [str(getattr(row, name) or "") if name != "weight" else repr(row.weight) for name in FIELDS]
        held = [row.inputs.get(m, "") for m in modalities]
        yield [*facts, *held, *(row.attributes.get(a, "") for a in attributes)]


def _parquet(columns: Sequence[str], lines: Sequence[Sequence[str]]) -> bytes:
    import pyarrow as pa
    import pyarrow.parquet as pq

    held = {name: [line[i] or None for line in lines] for i, name in enumerate(columns)}
    out = io.BytesIO()
    pq.write_table(pa.table(held, schema=pa.schema([(name, pa.string()) for name in columns])), out)
    return out.getvalue()


def place(manifest: Manifest, folder: Path) -> dict[str, str]:
    """Put the media files of a manifest below a folder and return reference -> reference relative to that folder.

    Files become hard links, on another file system copies; what is there already stays. Those inside the root of the
    manifest keep their path, others get a name made from theirs.

    Raises:
        OSError: a file cannot be read or written.
    """
    placed: dict[str, str] = {}
    for ref in dict.fromkeys(r for row in manifest.rows for m, r in row.inputs.items() if m not in WORDS):
        name, mark, layer = ref.partition("#")
        path = PurePosixPath(Path(name).as_posix())
        if path.is_absolute() or ".." in path.parts:
            path = PurePosixPath("elsewhere", hashlib.sha256(name.encode()).hexdigest()[:16] + path.suffix)
        target = folder / "media" / path
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            _link(media_path(manifest.root, ref).resolve(), target)
        placed[ref] = f"media/{path}{mark}{layer}"
    return placed


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        part = target.with_name(f"{target.name}.part")
        shutil.copyfile(source, part)
        part.replace(target)
