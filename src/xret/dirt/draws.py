"""Lots that depend on a seed and on names, never on what was drawn before."""

import hashlib
import random
from dataclasses import dataclass

POOLS = ("seen", "unseen")


@dataclass(frozen=True)
class Draws:
    """Where dirt gets its lots from.

    Args:
        seed: another one gives other dirt.
        pool: half of the phrases, fonts, colours, ... that are drawn from: seen or unseen. It does not decide which
            rows are dirty.

    Raises:
        ValueError: an argument is none of these.
    """

    seed: int = 0
    pool: str = "seen"

    def __post_init__(self) -> None:
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")
        if self.pool not in POOLS:
            raise ValueError(f"pool must be {' or '.join(POOLS)}, got {self.pool!r}")

    def of(self, *names: str) -> random.Random:
        """Return a generator of its own for these names, such as a kind of dirt and the id of a row."""
        key = repr((self.seed, names)).encode(errors="surrogatepass")
        return random.Random(int.from_bytes(hashlib.sha256(key).digest()[:16]))


def check_share(name: str, value: float) -> None:
    """Raise ValueError unless a value is in [0, 1]."""
    if not 0 <= value <= 1:
        raise ValueError(f"{name} must be in [0, 1], got {value}; 0 plants none")
