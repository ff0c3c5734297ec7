"""Pictures of items, drawn once and kept as long as there is room."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable


class Thumbnails:
    """Keeps what was used last, up to a number of bytes.

    Args:
        max_bytes: kept at most.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self.bytes = 0
        self._kept: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable, draw: Callable[[], bytes]) -> bytes:
        """Return what is kept under a key; where it is not, draw and keep it. What ``draw`` raises goes through."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        drawn = draw()
        with self._lock:
            self.bytes += len(drawn) - len(self._kept.pop(key, b""))
            self._kept[key] = drawn
            while self.bytes > self.max_bytes:
                _, dropped = self._kept.popitem(last=False)
                self.bytes -= len(dropped)
        return drawn
