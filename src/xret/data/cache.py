"""The feature cache: what a frozen encoder gives for the same items is computed once and shared by all runs."""

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from xret.data.content import content_key
from xret.data.features import Broken, InFiles, InMemory, Piece, StoredFeatures, main_array
from xret.data.locking import hold, locked
from xret.data.manifest import Items

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Entry:
    """One set of stored features.

    Attributes:
        key: its folder's name.
        modality: "text", "image", ...
        shape: of the vectors (N, D) or tokens (N, L, C).
        bytes: on disk.
        used: when it was last asked for, in seconds since 1970.
    """

    key: str
    modality: str
    shape: tuple[int, ...]
    bytes: int
    used: float


class FeatureCache:
    """Features by what they were made from: encoder, items and the content of media files.

    An entry is a folder of .npy files that appears whole or not at all, whatever kills the process that writes it.
    Where several processes want the same features, one makes them and the others wait. An entry that does not fit its
    description is made again. On a disk that is full or read-only, features stay in memory, with a warning.

    Args:
        root: folder of the cache; by default $XRET_CACHE, else ~/.cache/xret.
        max_gb: after writing, entries that were not used for longest are removed beyond this many GB; never one in use.

    Raises:
        ValueError: max_gb is negative.
    """

    def __init__(self, root: Path | None = None, max_gb: float = 10) -> None:
        if max_gb < 0:
            raise ValueError(f"max_gb must not be negative, got {max_gb}")
        default = os.environ.get("XRET_CACHE") or Path.home() / ".cache" / "xret"
        self.root = Path(root if root is not None else default)
        self.max_bytes = int(max_gb * 1e9)
        self._features = self.root / "features"
        self._locks = self.root / "locks"

    def get(self, fingerprint: str, items: Items, root: Path, make: Callable[[], Iterable[Piece]]) -> StoredFeatures:
        """Return the features of all items, stored ones where there are any.

        Args:
            fingerprint: of all that turns an item into features; equal ones must give equal features.
            items: N items.
            root: folder that media references are relative to.
            make: encodes; called only if nothing fitting is stored. Its pieces together cover every item once.

        Returns:
            Features, memory-mapped and read-only, or in memory if they could not be stored.

        Raises:
            ValueError: there are no items.
        """
        if not len(items):
            raise ValueError("there are no items to encode")
        key = content_key(fingerprint, items, root)
        with locked(self._locks / f"{key}.lock") as writable:
            found = self._open(key, len(items))
            if found is not None:
                return found
            return self._make(key, items, make, writable)

    def list_entries(self) -> list[Entry]:
        """Return what is stored, the most recently used first."""
        found = []
        for folder in self._features.glob("[0-9a-f]*"):
            with suppress(OSError, ValueError, KeyError, TypeError):
                meta = json.loads((folder / "meta.json").read_text())
                used = (folder / "meta.json").stat().st_mtime
                found.append(
                    Entry(folder.name, meta["modality"], tuple(meta["shape"]), sum(meta["files"].values()), used)
                )
        return sorted(found, key=lambda entry: -entry.used)

    def clear(self) -> list[Entry]:
        """Remove every entry that no process is using, and what killed ones left; return the removed entries."""
        removed = [entry for entry in self.list_entries() if self._remove(entry.key)]
        self._sweep()
        return removed

    def _make(self, key: str, items: Items, make: Callable[[], Iterable[Piece]], writable: bool) -> StoredFeatures:
        sink = self._start(key, len(items), writable)
        broken: list[Broken] = []
        try:
            for piece in make():
                broken.extend(piece.broken)
                try:
                    sink.write(piece)
                except OSError as error:
                    sink = _rescued(sink, error)
                    sink.write(piece)
            broken.sort()
            if isinstance(sink, InFiles):
                try:
                    stored = self._publish(key, items, sink, broken)
                except OSError as error:
                    sink = _rescued(sink, error)
                else:
                    self._evict(key)
                    return stored
        finally:
            if isinstance(sink, InFiles):
                sink.close()
            if writable:
                self._sweep(key)
        return StoredFeatures.of(sink.arrays, tuple(broken))

    def _start(self, key: str, count: int, writable: bool) -> InFiles | InMemory:
        try:
            if not writable:
                raise OSError(f"{self.root} cannot be written or locked")
            self._features.mkdir(parents=True, exist_ok=True)
            return InFiles(Path(tempfile.mkdtemp(prefix=f".{key}.", dir=self._features)), count)
        except OSError as error:
            _warn(error)
            return InMemory(count)

    def _publish(self, key: str, items: Items, sink: InFiles, broken: list[Broken]) -> StoredFeatures:
        """Write the description, put everything on disk and give it its name.

        Raises:
            OSError: the disk is full or fails; the files of ``sink`` are still open.
        """
        shapes = {path.stem: np.load(path, mmap_mode="r").shape for path in sink.folder.glob("*.npy")}
        name = main_array(shapes)
        meta = {"count": len(items), "modality": items.modality, "name": name, "shape": shapes[name], "broken": broken}
        meta["files"] = sink.sync()
        with (sink.folder / "meta.json").open("w") as file:
            json.dump(meta, file)
            file.flush()
            os.fsync(file.fileno())
        _fsync_folder(sink.folder)
        self._discard(self._features / key)  # what stands there does not fit
        sink.folder.rename(self._features / key)
        _fsync_folder(self._features)
        stored = self._open(key, len(items), fresh=True)
        if stored is None:
            raise OSError("features cannot be read back")
        return stored

    def _open(self, key: str, count: int, fresh: bool = False) -> StoredFeatures | None:
        """Return an entry, or None where it is missing or does not fit its description."""
        folder = self._features / key
        if not folder.is_dir():
            return None
        try:
            meta = json.loads((folder / "meta.json").read_text())
            for file, size in meta["files"].items():
                if (folder / file).stat().st_size != size:
                    raise ValueError(f"{file} has the wrong size")
            arrays = {Path(file).stem: np.load(folder / file, mmap_mode="r") for file in meta["files"]}
            array = arrays[meta["name"]]
            if meta["count"] != count or list(array.shape) != meta["shape"] or len(array) != count:
                raise ValueError(f"{array.shape} features for {count} items")
            broken = tuple(Broken(int(i), str(reason), str(detail)) for i, reason, detail in meta["broken"])
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            log.warning("stored features %s are damaged and made again: %s", key[:12], error)
            return None
        with suppress(OSError):
            os.utime(folder / "meta.json")
        for mapped in arrays.values():
            hold(self._locks / f"{key}.used", mapped)
        return StoredFeatures.of(arrays, broken, fresh)

    def _evict(self, key: str) -> None:
        """Remove the least recently used entries beyond the limit, but not ``key``."""
        entries = self.list_entries()
        total = sum(entry.bytes for entry in entries)
        for entry in reversed(entries):
            with suppress(OSError):
                if total > self.max_bytes and entry.key != key and self._remove(entry.key):
                    total -= entry.bytes

    def _remove(self, key: str) -> bool:
        """Remove an entry unless a process makes or uses it."""
        with (
            locked(self._locks / f"{key}.lock", wait=False) as free,
            locked(self._locks / f"{key}.used", wait=False) as unused,
        ):
            if free and unused:
                self._discard(self._features / key)
            return free and unused

    def _discard(self, folder: Path) -> None:
        """Remove a folder, which is gone at once under its name."""
        with suppress(FileNotFoundError):
            doomed = folder.rename(folder.with_name(f".{folder.name}.{os.getpid()}.doomed"))
            shutil.rmtree(doomed, ignore_errors=True)

    def _sweep(self, key: str = "*") -> None:
        """Remove what is unfinished: of ``key``, whose lock this process holds, or of all killed processes."""
        for folder in self._features.glob(f".{key}.*"):
            name = folder.name.split(".")[1]
            if name == key:
                shutil.rmtree(folder, ignore_errors=True)
                continue
            with locked(self._locks / f"{name}.lock", wait=False) as free:
                if free:
                    shutil.rmtree(folder, ignore_errors=True)


def _rescued(sink: InFiles | InMemory, error: OSError) -> InMemory:
    """Return what a sink holds, in memory, and free the disk.

    Raises:
        OSError: the error itself, if it did not come from files.
    """
    if not isinstance(sink, InFiles):
        raise error
    _warn(error)
    memory = sink.to_memory()
    shutil.rmtree(sink.folder, ignore_errors=True)
    return memory


def _warn(error: OSError) -> None:
    log.warning("features are kept in memory and not stored: %s", error)


def _fsync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(number)
    finally:
        os.close(number)
