"""A folder that can be searched: an index, what its vectors stand for, and the run that made them."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xret._errors import UserError

FACTS, ITEMS, CURRENT = "index.json", "items.parquet", "current"


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


@dataclass(frozen=True)
class IndexFolder:
    """Versions of an index, of which one is current: ``versions/00001/`` and a link to it, ``current``.

    A version is whole when the link points to it; the link is replaced in one step: a reader always sees a whole one.

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

    @staticmethod
    def facts(version: Path) -> IndexFacts:
        """Read what a version was made of.

        Raises:
            UserError: the file is broken, or of another version of xret.
        """
        try:
            facts = IndexFacts(**json.loads((version / FACTS).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"cannot read {version / FACTS}: {error}; build it again") from error
        if facts.format != IndexFacts.format:
            raise UserError(f"{version} has format {facts.format}, this version reads {IndexFacts.format}; build again")
        return facts

    def publish(self, write: Callable[[Path], IndexFacts]) -> Path:
        """Make a new version and then the current one; a kill meanwhile leaves the old one in place.

        Args:
            write: gets an empty folder, fills it and says what it was made of.
        """
        top = self.path / "versions"
        top.mkdir(parents=True, exist_ok=True)
        part = Path(tempfile.mkdtemp(dir=top, prefix=".part-"))
        try:
            facts = write(part)
            (part / FACTS).write_text(json.dumps(asdict(facts), indent=1) + "\n")
            number = 1 + max((int(p.name) for p in top.iterdir() if p.name.isdigit()), default=0)
            version = top / f"{number:05d}"
            part.rename(version)
        finally:
            shutil.rmtree(part, ignore_errors=True)
        link = self.path / f".{CURRENT}-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("versions", version.name))
        os.replace(link, self.path / CURRENT)
        return version
