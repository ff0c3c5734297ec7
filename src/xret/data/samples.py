"""Tar files of samples: members of one name, read as a stream and never unpacked by their names."""

import glob
import os
import re
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

from xret._errors import UserError
from xret.data.faults import MAX_CHARACTERS, RowError
from xret.data.sharding import MEDIA_OF
from xret.data.unpacking import MAX_MEDIA

_MAX_SHARDS = 100_000
_MAX_WORDS = 4 * MAX_CHARACTERS  # bytes of a text or JSON member
_RANGE = re.compile(r"\{(\d+)\.\.(\d+)\}")

Sample = dict[str, bytes]  # end of a member's name -> content
Reject = Callable[[str, RowError], None]


def shard_files(path: str) -> list[Path]:
    """Return the tar files that a path names, in order of name.

    Raises:
        UserError: there are none, or one is missing or compressed.
    """
    if os.path.isdir(path):
        names = sorted(glob.glob(os.path.join(glob.escape(path), "*.tar")))
    elif match := _RANGE.search(path):
        low, high = match.groups()
        if int(high) - int(low) >= _MAX_SHARDS:
            raise UserError(f"data.path names more than {_MAX_SHARDS:,} shards: {path}")
        numbers = range(int(low), int(high) + 1)
        names = [f"{path[: match.start()]}{n:0{len(low)}}{path[match.end() :]}" for n in numbers]
    else:
        names = [path] if os.path.isfile(path) else sorted(glob.glob(path))
    missing = next((name for name in names if not os.path.isfile(name)), None)
    if not names or missing:
        raise UserError(f"data.path must name tar files, a folder of them or a range; there is no {missing or path}")
    return [Path(name) for name in names]


def samples(path: Path, reject: Reject) -> Iterator[tuple[str, Sample]]:
    """Yield key and members of each sample of a shard; one is in memory at a time."""
    key, sample = "", Sample()
    for name, data in _members(path, reject):
        folder, base = os.path.split(name)
        stem, _, suffix = base.partition(".")
        if f"{folder}/{stem}" != key and sample:
            yield key.removeprefix("/"), sample
            sample = Sample()
        key = f"{folder}/{stem}"
        if sum(map(len, sample.values())) + len(data) > 2 * MAX_MEDIA:
            reject(name, RowError("too_large", f"its sample has more than {2 * MAX_MEDIA:,} bytes"))
            continue
        sample[suffix.lower()] = data
    if sample:
        yield key.removeprefix("/"), sample


def _members(path: Path, reject: Reject) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of each file of a shard; what is none, or broken, is rejected."""
    try:
        tar = tarfile.open(path, "r|")  # noqa: SIM115 - closed below
    except (tarfile.TarError, OSError, EOFError, ValueError) as error:
        raise UserError(f"{path} is no tar file, or a compressed one: {error}") from None
    with tar:
        while True:
            try:
                member = tar.next()
                tar.members.clear()  # type: ignore[attr-defined]  # or it keeps every name
                if member is None:
                    return
                found = _content(tar, member)
            except RowError as error:
                reject(f"{path.name}/{member.name if member else ''}", error)
                continue
            except (tarfile.TarError, OSError, EOFError, ValueError) as error:
                reject(path.name, RowError("undecodable", f"the tar file breaks off: {error}"))
                return
            if found is not None:
                yield member.name, found


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes | None:
    """Return the content of a member; None where it is a folder, or of no use.

    Raises:
        RowError: it is a link or a device, or too large.
    """
    if member.isdir():
        return None
    if not member.isreg() or member.issparse():
        raise RowError("outside", "a link, a device or a sparse file")
    suffix = os.path.basename(member.name).partition(".")[2].lower()
    if suffix not in (*MEDIA_OF, "txt", "json", "cls"):
        return None
    most = MAX_MEDIA if suffix in MEDIA_OF else _MAX_WORDS
    if member.size > most:
        raise RowError("too_large", f"{member.size:,} bytes, at most {most:,} are read")
    file = tar.extractfile(member)
    return b"" if file is None else file.read(most)
