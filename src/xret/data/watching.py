"""Progress of work that takes long: rate and time left."""

import logging
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tqdm import tqdm

log = logging.getLogger(__name__)

T = TypeVar("T")

_REPORT_S = 10.0  # between two lines where no one watches


def watched(parts: Iterable[T], total: int, what: str, size: Callable[[T], int]) -> Iterator[T]:
    """Pass parts on; show progress as a bar on a terminal, else as a line every few seconds.

    Args:
        parts: of the work, each given when it is done.
        total: sum of the sizes of all parts.
        what: is done, in a few words.
        size: of a part.
    """
    if sys.stderr.isatty():
        with tqdm(total=total, desc=what, unit="", leave=False) as bar:
            for part in parts:
                yield part
                bar.update(size(part))
        return
    begin = said = time.monotonic()
    done = 0
    for part in parts:
        yield part
        done += size(part)
        now = time.monotonic()
        if now - said >= _REPORT_S and done < total:
            said = now
            rate = done / (now - begin)
            log.info("%s: %d of %d, %.0f/s, %.0f s left", what, done, total, rate, (total - done) / rate)
