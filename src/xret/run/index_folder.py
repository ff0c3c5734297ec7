"""A folder that can be searched: an index, what its vectors stand for, and the run that made them."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any, get_origin

from xret._errors import UserError
from xret.data.locking import hold, locked
from xret.run.whole import digest, sync

FACTS, ITEMS, CURRENT = "index.json", "items.parquet", "current"
_LOCK, _HELD, _PART = ".lock", ".held", ".part-"


@dataclass(frozen=True)
class IndexFacts:
    """What an index was made of.

    Attributes:
        run: folder of the run that made the vectors, absolute.
        weights: hash of that run's model; a query must be encoded by the same.
        target: modality of what is found.
        data: name of the data set.
        items: how many.
        dim: D of the vectors, each of norm 1.
        index: settings of the index, with its ``_target_``.
        parity: what it loses against exact search, and how fast it is.
        format: of the folder.
        normalised: the vectors have norm 1, and so must queries.
        vectors: folders that the vectors came from, absolute, in order.
        files: name -> SHA-256 of each file of the version but this one.
        hubness: settings of the correction whose figures stand beside the index; empty: there is none.
    """

    run: str
    weights: str
    target: str
    data: str
    items: int
    dim: int
    index: dict[str, Any]
    parity: dict[str, Any]
    format: int = 1
    normalised: bool = True
    vectors: list[str] = field(default_factory=list)
    files: dict[str, str] = field(default_factory=dict)
    hubness: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for known in fields(self):
            kind: Any = get_origin(known.type) or known.type
            if not isinstance(getattr(self, known.name), kind):
                raise TypeError(f"{known.name} must be {kind.__name__}, got {getattr(self, known.name)!r}")


@dataclass(frozen=True)
class IndexFolder:
    """Versions of an index, of which one is current: ``versions/00001/`` and a link to it, ``current``.

    A version is whole when the link points to it; the link is replaced in one step: a reader always sees a whole one.
    The current version and the one before it are kept, and any that a process holds.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> "IndexFolder":
        """Return a folder that holds an index.

        Raises:
            UserError: it does not.
        """
        if not (path / CURRENT / FACTS).is_file():
            raise UserError(f"{path} is no index folder: it has no {CURRENT}/{FACTS}; build writes one")
        return cls(path)

    def current(self) -> Path:
        """Return the folder of the current version, which stays the same while a new one is made."""
        return (self.path / CURRENT).resolve()

    def held(self, owner: object) -> Path:
        """Return the folder of the current version; it stays for as long as ``owner`` lives, whatever is made.

        Args:
            owner: anything that can be referenced weakly.

        Raises:
            UserError: the folder holds no index any more.
        """
        while True:
            version = IndexFolder.open(self.path).current()
            if hold(version / _HELD, owner) and (version / FACTS).is_file():  # else it goes, or went meanwhile
                return version

    @staticmethod
    def facts(version: Path) -> IndexFacts:
        """Read what a version was made of, and see that all its files are as they were written.

        Raises:
            UserError: a file is broken, or of another version of xret.
        """
        try:
            facts = IndexFacts(**json.loads((version / FACTS).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"cannot read {version / FACTS}: {error}; build it again") from error
        if facts.format != IndexFacts.format:
            raise UserError(f"{version} has format {facts.format}, this version reads {IndexFacts.format}; build again")
        for name, known in facts.files.items():
            path = version / name
            if Path(name).name != name or not path.is_file():
                raise UserError(f"{version} must hold {name}, which was written with it; build the index again")
            if (found := digest(path)) != known:
                raise UserError(
                    f"{path} has changed: SHA-256 {known[:12]} was written, {found[:12]} is there; build again"
                )
        return facts

    def publish(self, write: Callable[[Path], IndexFacts]) -> Path:
        """Make a new version and then the current one; a kill at any moment leaves the old one in place.

        Args:
            write: gets an empty folder, fills it and says what it was made of; no other process publishes meanwhile.

        Raises:
            UserError: another process publishes here, or the disk is full or may not be written.
        """
        top = self.path / "versions"
        try:
            top.mkdir(parents=True, exist_ok=True)
            with locked(self.path / _LOCK, wait=False) as mine:
                if not mine:
                    raise UserError(
                        f"another process builds in {self.path}, or no lock can be had there; try again later"
                    )
                return self._publish(top, write)
        except OSError as error:
            raise UserError(f"cannot write to {self.path}: {error.strerror or error}") from error

    def _publish(self, top: Path, write: Callable[[Path], IndexFacts]) -> Path:
        for left in [*top.glob(f"{_PART}*"), *self.path.glob(f".{CURRENT}-*")]:  # of processes that were killed
            shutil.rmtree(left) if left.is_dir() and not left.is_symlink() else left.unlink()
        before = self.current() if (self.path / CURRENT).exists() else None
        part = Path(tempfile.mkdtemp(dir=top, prefix=_PART))
        part.chmod(0o755)
        try:
            facts = write(part)
            files = {path.name: digest(path) for path in sorted(part.iterdir()) if path.name != _HELD}
            (part / FACTS).write_text(json.dumps(asdict(replace(facts, files=files)), indent=1) + "\n")
            sync(part)
            number = 1 + max((int(p.name) for p in top.iterdir() if p.name.isdigit()), default=0)
            version = top / f"{number:05d}"
            part.rename(version)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        sync(top, files=False)
        link = self.path / f".{CURRENT}-{os.getpid()}"
        link.symlink_to(Path("versions", version.name))
        os.replace(link, self.path / CURRENT)
        sync(self.path, files=False)
        self._prune(top, {version, before})
        return version

    def _prune(self, top: Path, kept: set[Path | None]) -> None:
        """Remove versions that nobody needs: neither current, nor the one before, nor held."""
        for version in (p for p in top.iterdir() if p.name.isdigit()):
            if version.resolve() in {None if path is None else path.resolve() for path in kept}:
                continue
            with locked(version / _HELD, wait=False) as free:
                if free:
                    with suppress(OSError):
                        (version / FACTS).unlink(missing_ok=True)  # first: a lock file made anew must hold nothing
                        shutil.rmtree(version)
