"""Features of items while they are made and once they are there: in memory, or in files written piece by piece."""

import errno
import os
import shutil
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Broken(NamedTuple):
    """An item that cannot be read: where it stands among the items, and why."""

    position: int
    reason: str
    detail: str


@dataclass(frozen=True)
class Piece:
    """Features of some items.

    Attributes:
        positions: (B,) int64, where the items stand.
        arrays: "vector" (B, D) float32; or "tokens" (B, L, C) float and "mask" (B, L) bool; or all three.
        broken: which of them could not be read; their features are zero.
    """

    positions: np.ndarray
    arrays: Mapping[str, np.ndarray]
    broken: tuple[Broken, ...] = ()


@dataclass(frozen=True)
class StoredFeatures:
    """Features of N items.

    Attributes:
        name: "vector" or "tokens", which is what they are.
        array: (N, D) or (N, L, C) float32, in memory or memory-mapped.
        mask: (N, L) bool beside tokens, True where they count; else None.
        broken: the items that could not be read; their features are zero.
        fresh: whether they were made just now.
        tokens: (N, L, C) float16 beside vectors, where both were asked for; else None.
    """

    name: str
    array: np.ndarray
    mask: np.ndarray | None = None
    broken: tuple[Broken, ...] = ()
    fresh: bool = True
    tokens: np.ndarray | None = None

    @classmethod
    def of(cls, arrays: Mapping[str, np.ndarray], broken: tuple[Broken, ...], fresh: bool = True) -> "StoredFeatures":
        """Return features by the arrays that were collected under the names of `Piece.arrays`."""
        name = main_array(arrays)
        tokens = arrays.get("tokens") if name == "vector" else None
        return cls(name, arrays[name], arrays.get("mask"), broken, fresh, tokens)


def main_array(names: Collection[str]) -> str:
    """Return which of some arrays the features are named after: the vectors, where there are any."""
    return "vector" if "vector" in names else "tokens"


class InMemory:
    """Collects features in arrays; shorter sequences than the longest end in zeros.

    Args:
        count: N, the number of items.
    """

    def __init__(self, count: int) -> None:
        self.count = count
        self.arrays: dict[str, np.ndarray] = {}

    def write(self, piece: Piece) -> None:
        """Take in a piece."""
        for name, part in piece.arrays.items():
            old = self.arrays.get(name, np.zeros((0, *part.shape[1:]), part.dtype))
            if len(old) < self.count or (old.ndim > 1 and old.shape[1] < part.shape[1]):
                new = np.zeros((self.count, *part.shape[1:]), part.dtype)
                new[: len(old), : old.shape[1]] = old
                self.arrays[name] = new
            self.arrays[name][piece.positions, : part.shape[1]] = part


class InFiles:
    """Collects features in .npy files of a folder, through plain writes: a full disk is an error, not a crash.

    Args:
        folder: exists and is empty.
        count: N, the number of items.
    """

    def __init__(self, folder: Path, count: int) -> None:
        self.folder = folder
        self.count = count
        self._files: dict[str, _Rows] = {}

    def write(self, piece: Piece) -> None:
        """Write a piece to its place.

        Raises:
            OSError: the disk is full or fails.
        """
        for name, part in piece.arrays.items():
            file = self._files.get(name)
            if file is None:
                file = self._files[name] = _Rows(self.folder / f"{name}.npy", (self.count, *part.shape[1:]), part.dtype)
            elif part.shape[1] > file.shape[1]:
                file = self._files[name] = file.longer(part.shape[1])
            file.write(piece.positions, part)

    def sync(self) -> dict[str, int]:
        """Put everything on disk for certain; return the files' sizes in bytes by name.

        Raises:
            OSError: the disk is full or fails.
        """
        for file in self._files.values():
            os.fsync(file.number)
        return {file.path.name: os.fstat(file.number).st_size for file in self._files.values()}

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            os.close(file.number)
        self._files = {}

    def to_memory(self) -> InMemory:
        """Return what was written so far, in memory, and close the files."""
        memory = InMemory(self.count)
        for name, file in self._files.items():
            memory.arrays[name] = file.read()
        self.close()
        return memory


class _Rows:
    """A .npy file that is written row by row."""

    def __init__(self, path: Path, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.path, self.shape, self.dtype = path, shape, dtype
        header = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": shape}
        size = int(np.prod(shape)) * dtype.itemsize
        if shutil.disk_usage(path.parent).free < size:
            raise OSError(errno.ENOSPC, f"{size:,} bytes do not fit on the disk", str(path))
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            self._begin = file.tell()
        os.truncate(path, self._begin + size)
        self.number = os.open(path, os.O_RDWR)

    def write(self, positions: np.ndarray, rows: np.ndarray) -> None:
        """Write rows to their positions, neighbours in one go."""
        if rows.shape[1:] != self.shape[1:]:
            padded = np.zeros((len(rows), *self.shape[1:]), self.dtype)
            padded[:, : rows.shape[1]] = rows
            rows = padded
        row_bytes = int(np.prod(self.shape[1:])) * self.dtype.itemsize
        breaks = np.flatnonzero(np.diff(positions) != 1) + 1
        for start, stop in pairwise([0, *breaks.tolist(), len(positions)]):
            data = memoryview(np.ascontiguousarray(rows[start:stop], self.dtype).tobytes())
            place = self._begin + int(positions[start]) * row_bytes
            while data:
                written = os.pwrite(self.number, data, place)
                data, place = data[written:], place + written

    def read(self) -> np.ndarray:
        """Return a copy of all rows; what was not written is zero."""
        size = int(np.prod(self.shape)) * self.dtype.itemsize
        os.lseek(self.number, self._begin, os.SEEK_SET)
        with open(self.number, "rb", closefd=False) as file:
            return np.frombuffer(bytearray(file.read(size)), self.dtype).reshape(self.shape)

    def longer(self, length: int) -> "_Rows":
        """Return the same file with room for sequences of ``length``."""
        new = _Rows(self.path.with_suffix(".longer"), (self.shape[0], length, *self.shape[2:]), self.dtype)
        old = np.load(self.path, mmap_mode="r")  # its size was set when it was made, so that reading it is safe
        step = max(1, 16_000_000 // max(1, old[:1].nbytes))
        for start in range(0, len(old), step):
            new.write(np.arange(start, min(start + step, len(old))), old[start : start + step])
        os.close(self.number)
        new.path = new.path.rename(self.path)
        return new
