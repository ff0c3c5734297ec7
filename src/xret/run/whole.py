"""Files that must be whole: on the disk before anything points to them, and the same when they are read."""

import hashlib
import os
from pathlib import Path


def digest(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def sync(folder: Path, files: bool = True) -> None:
    """Have the system write a folder to the disk, with the files in it where asked."""
    for path in [*(p for p in folder.iterdir() if files and p.is_file()), folder]:
        number = os.open(path, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
