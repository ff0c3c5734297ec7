"""A manifest as WebDataset shards: what `xret.data.webdataset` reads again."""

import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path, PurePosixPath
from typing import Any

from xret._errors import UserError
from xret.data.manifest import WORDS, Manifest, Row, media_path
from xret.data.writing import FIELDS

MEDIA_OF = (
    dict.fromkeys(("png", "jpg", "jpeg", "gif", "webp", "bmp", "tif", "tiff", "ppm", "avif", "svg"), "image")
    | dict.fromkeys(("wav", "flac", "mp3", "ogg", "opus", "m4a"), "audio")
    | dict.fromkeys(("mp4", "webm", "mkv", "avi", "mov"), "video")
)  # what the end of a member's name says it is


def shards(manifest: Manifest, folder: Path, most: int) -> Path:
    """Write ``shard-000000.tar`` and so on into a folder, and return it.

    A sample is a picture (or a set of media files) with all of its captions: ``KEY.png``, ``KEY.txt`` with a caption
    per line for any reader, and ``KEY.json``, whose "captions" hold the whole rows and their place in the manifest.
    The same manifest gives the same bytes.

    Args:
        manifest: with a split in every row.
        folder: to write to.
        most: bytes after which a shard is closed.

    Raises:
        UserError: the name of a media file does not say what it is.
        OSError: a file cannot be read or written.
    """
    for old in folder.glob("shard-*.tar.part"):
        old.unlink()
    parts: list[Path] = []
    with ExitStack() as stack:
        tar: tarfile.TarFile | None = None
        for number, (inputs, rows) in enumerate(_samples(manifest)):
            if tar is None or tar.offset >= most:
                stack.close()
                parts.append(folder / f"shard-{len(parts):06}.tar.part")
                tar = stack.enter_context(tarfile.open(parts[-1], "w", format=tarfile.GNU_FORMAT))
            for suffix, data in _members(manifest, inputs, rows):
                member = tarfile.TarInfo(f"{number:09}.{suffix}")
                member.size, member.mode = len(data), 0o644
                tar.addfile(member, io.BytesIO(data))
            tar.members.clear()  # type: ignore[attr-defined]  # or it keeps every name
    for part in parts:
        part.replace(part.with_suffix(""))
    return folder


def _samples(manifest: Manifest) -> Iterator[tuple[Mapping[str, str], list[tuple[int, Row]]]]:
    """Yield media files and the numbered rows that have them, in order of the first row."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[int, Row]]] = {}
    for number, row in enumerate(manifest.rows):
        files = tuple((m, ref) for m, ref in row.inputs.items() if m not in WORDS)
        key = files or (("", str(number)),)  # rows without files share nothing
        found.setdefault(key, []).append((number, row))
    for files, rows in found.items():
        yield {m: ref for m, ref in files if m}, rows


def _members(
    manifest: Manifest, inputs: Mapping[str, str], rows: Sequence[tuple[int, Row]]
) -> Iterator[tuple[str, bytes]]:
    """Yield end of the name and content of each member of a sample."""
    layers = {m: ref.partition("#")[2] for m, ref in inputs.items() if "#" in ref}
    for modality, ref in inputs.items():
        path = media_path(manifest.root, ref)
        suffix = PurePosixPath(path.name).suffix.lower().removeprefix(".")
        if MEDIA_OF.get(suffix) != modality:
            raise UserError(
                f"to=webdataset tells media by their names, and {path.name} does not say {modality}: to=table"
            )
        yield suffix, path.read_bytes()
    if texts := [" ".join(row.inputs["text"].split()) for _, row in rows if "text" in row.inputs]:
        yield "txt", "\n".join(texts).encode()
    whole: dict[str, Any] = {"captions": [_record(number, row) for number, row in rows]}
    yield "json", json.dumps(whole | ({"layers": layers} if layers else {}), ensure_ascii=False).encode()


def _record(number: int, row: Row) -> dict[str, Any]:
    """Return a row without its media files; fields that say nothing are left out."""
    facts = {name: getattr(row, name) for name in FIELDS}
    words = {m: text for m, text in row.inputs.items() if m in WORDS}
    given = {name: value for name, value in facts.items() if value not in ("", None)}
    return {"row": number, **given, **words, "attributes": dict(row.attributes)}
