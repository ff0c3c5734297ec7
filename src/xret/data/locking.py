"""Locks between processes, released by the system however a process ends."""

import fcntl
import logging
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

log = logging.getLogger(__name__)


@contextmanager
def locked(path: Path, wait: bool = True) -> Iterator[bool]:
    """Hold a lock alone; give whether that worked.

    Args:
        path: a file that only serves as lock; it is made and stays.
        wait: wait for another process. False: give up at once.

    Yields:
        True, or False where another process holds it or the file system has no locks or is read-only.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        number = os.open(path, os.O_RDWR | os.O_CREAT)
    except OSError:
        yield False
        return
    try:
        yield _lock(number, wait)
    finally:
        os.close(number)


def hold(path: Path, owner: object) -> bool:
    """Share a lock with other holders for as long as ``owner`` lives; `locked` fails meanwhile.

    Args:
        path: a file that only serves as lock.
        owner: anything that can be referenced weakly.

    Returns:
        False where somebody has it alone; True otherwise, and where no lock can be had: the file system has none, or
        is read-only, or the folder is gone.
    """
    with suppress(OSError):
        number = os.open(path, os.O_RDWR | os.O_CREAT)
        weakref.finalize(owner, os.close, number)
        try:
            fcntl.flock(number, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def _lock(number: int, wait: bool) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        if not wait:
            return False
        log.info("another process is at it; waiting")
        fcntl.flock(number, fcntl.LOCK_EX)
    except OSError:
        return False
    return True
