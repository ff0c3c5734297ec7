"""What features depend on, as one hash: the name they are stored under."""

import hashlib
import os
import stat
from collections.abc import Iterator
from pathlib import Path

from xret.data.manifest import Items, media_path

_FORMAT = 1  # of the stored files; a change makes all of them strangers
_HASH_BYTES = 256_000_000  # files up to this much in all are read; beyond it, size and time of change must do


def content_key(fingerprint: str, items: Items, root: Path) -> str:
    """Return a hash of what turns items into features, the items themselves, and the content of their files.

    Args:
        fingerprint: of all that turns an item into features.
        items: N items; texts count as they are, files by their content and not by the folder they lie in.
        root: folder that media references are relative to.
    """
    total = hashlib.sha256(repr((_FORMAT, fingerprint, items.modality, len(items))).encode())
    for ref in items.refs:
        data = ref.encode(errors="surrogatepass")
        total.update(len(data).to_bytes(8, "big") + data)
    if items.modality != "text":
        for fact in _file_facts([media_path(root, ref) for ref in dict.fromkeys(items.refs)]):
            total.update(fact)
    return total.hexdigest()


def _file_facts(paths: list[Path]) -> Iterator[bytes]:
    """Yield the hash of each file, or size and time of change where all of them are too many bytes to read."""
    stats = [_stat(path) for path in paths]
    read = sum(s.st_size for s in stats if s is not None) <= _HASH_BYTES
    for path, known in zip(paths, stats, strict=True):
        try:
            if known is None:
                yield b"missing"
            elif read:
                yield hashlib.sha256(path.read_bytes()).digest()
            else:
                yield f"{known.st_size}:{known.st_mtime_ns}".encode()
        except OSError:
            yield b"missing"


def _stat(path: Path) -> os.stat_result | None:
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found if stat.S_ISREG(found.st_mode) else None
