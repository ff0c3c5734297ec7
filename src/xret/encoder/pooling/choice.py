"""Poolings by the names that configurations use."""

from collections.abc import Callable, Sequence

from torch import nn

from xret.encoder.pooling.gem import GeM
from xret.encoder.pooling.gpo import GPO
from xret.encoder.pooling.simple import Cls, Max, Mean

TEXT = ("cls", "mean", "max", "gpo")
IMAGE = ("avg", "max", "gem", "gpo", "cls")
POOLINGS: dict[str, Callable[[], nn.Module]] = {
    "cls": Cls,
    "mean": Mean,
    "avg": Mean,
    "max": Max,
    "gem": GeM,
    "gpo": GPO,
}


def make_pooling(name: str, allowed: Sequence[str]) -> nn.Module:
    """Return a pooling with its default settings.

    Raises:
        ValueError: the name is not among those allowed.
    """
    if name not in allowed:
        raise ValueError(f"pooling must be one of {', '.join(allowed)}, got {name!r}")
    return POOLINGS[name]()
