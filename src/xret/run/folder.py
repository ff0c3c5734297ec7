"""A run folder: where its files are, and how they are written."""

import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from xret._errors import UserError

log = logging.getLogger(__name__)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Write a file so that it is either absent, the old one, or the whole new one.

    Args:
        path: its folder is made when it is missing.
        write: gets the open file.

    Raises:
        UserError: the disk is full or may not be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}-")
        try:
            with os.fdopen(handle, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)
            os.replace(name, path)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


class Busy(UserError):  # noqa: N818 - no error where runs are shared out
    """Another process writes to the run folder."""


@dataclass(frozen=True)
class RunFolder:
    """The files of one run.

    Attributes:
        path: the folder.
        silent: nothing is written; so for all but the first of several processes that train one model.
    """

    path: Path
    silent: bool = False

    @property
    def config(self) -> Path:
        """The resolved config."""
        return self.path / "config.yaml"

    @property
    def last(self) -> Path:
        """The whole training state at the end of the last finished epoch."""
        return self.path / "checkpoints/last.ckpt"

    @property
    def best(self) -> Path:
        """The weights of the best epoch."""
        return self.path / "checkpoints/best.ckpt"

    @property
    def start(self) -> Path:
        """The weights that train, as they were before training."""
        return self.path / "checkpoints/start.ckpt"

    @property
    def metrics(self) -> Path:
        """The final figures; exists only when the run is complete."""
        return self.path / "metrics.json"

    @classmethod
    def claim(cls, path: Path) -> "RunFolder":
        """Return a folder for a new run.

        Raises:
            UserError: the folder holds a run already.
        """
        run = cls(path)
        if run.metrics.exists():
            raise UserError(f"{path} holds a finished run; choose another hydra.run.dir, or remove it first")
        if run.config.exists():
            raise UserError(
                f"{path} holds an unfinished run; resume={path} continues it, another hydra.run.dir starts anew"
            )
        path.mkdir(parents=True, exist_ok=True)
        return run

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Return the folder of a run that was started.

        Raises:
            UserError: there is none.
        """
        run = cls(path)
        if not run.config.is_file():
            raise UserError(
                f"{path} is no run folder: it has no config.yaml; name the folder on the last line of a training"
            )
        return run

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep other processes from writing here too; the lock falls with the process, however it ends.

        Raises:
            Busy: another process is at it.
        """
        with open(self.path / ".lock", "w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise Busy(f"another process is writing to {self.path}") from None
            except OSError:
                log.info("this file system has no locks: let no other process write to %s", self.path)
            yield

    def write_text(self, name: str, text: str) -> None:
        """Write a text file."""
        self._write(name, lambda file: file.write(text.encode()))

    def write_bytes(self, name: str, content: bytes) -> None:
        """Write a binary file."""
        self._write(name, lambda file: file.write(content))

    def write_arrays(self, name: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Write arrays by name into one compressed .npz file."""
        self._write(name, lambda file: np.savez_compressed(file, **arrays))  # type: ignore[arg-type]

    def _write(self, name: str, write: Callable[[BinaryIO], object]) -> None:
        if not self.silent:
            write_whole(self.path / name, write)

    def write_json(self, name: str, value: object) -> None:
        """Write JSON, keys in the order given."""
        self.write_text(name, json.dumps(value, indent=1, ensure_ascii=False) + "\n")

    def write_lines(self, name: str, rows: Iterable[Any]) -> None:
        """Write one JSON object per dataclass and line."""
        self.write_text(name, "".join(json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in rows))

    def read_json(self, name: str) -> Any:  # noqa: ANN401 - JSON
        """Read JSON.

        Raises:
            UserError: the file is missing or broken.
        """
        try:
            return json.loads((self.path / name).read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"cannot read {self.path / name}: {error}") from error
