"""One shard after the other, in this process."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

Shard = TypeVar("Shard")
Made = TypeVar("Made")


@dataclass(frozen=True)
class Local:
    """Computes shard by shard, while processes of their own read files ahead.

    Args:
        workers: processes that read files; 0: none beside this one.

    Raises:
        ValueError: workers is negative.
    """

    workers: int = 2

    def __post_init__(self) -> None:
        if self.workers < 0:
            raise ValueError(f"workers must not be negative, got {self.workers}")

    def __call__(self, make: Callable[[Shard, int], Made], shards: Sequence[Shard]) -> Iterator[Made]:
        """Yield what is made of each shard, in order."""
        for shard in shards:
            yield make(shard, self.workers)
