"""The lock beside a SQLite store of MLflow."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xret.data.locking import locked

SQLITE = "sqlite:///"


@contextmanager
def alone(tracking_uri: str) -> Iterator[None]:
    """Hold a lock beside a SQLite store: two processes that create its tables at once break each other."""
    if not tracking_uri.startswith(SQLITE):
        yield
        return
    with locked(Path(f"{tracking_uri.removeprefix(SQLITE)}.lock")):
        yield
