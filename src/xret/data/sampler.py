"""Which rows make a batch: a pure function of seed and epoch."""

import logging
from collections.abc import Iterator

import numpy as np
from torch.utils.data import Sampler

log = logging.getLogger(__name__)


class Batches(Sampler[list[int]]):
    """Batches of row positions without two rows of one group in a batch.

    Every row appears at most once per epoch. Rows are sorted by group, groups in random order, and dealt out: each
    stretch of as many rows as there are batches goes to all batches in a random order, so the rows of a group land in
    different ones. A group with more rows than there are batches gives that many, others in the next epoch. The same
    (seed, epoch) gives the same batches, whatever was drawn before.

    Args:
        groups: (R,) int64, the group of each row.
        size: rows per batch, over all processes.
        seed: of the order.
        unique_groups: no group twice in a batch. False: rows are drawn without a look at groups.
        drop_last: only full batches. False: one batch more, where rows are left, and all of nearly the same size.
        rank: which process this is.
        world: how many processes share a batch; each gets an equal slice of it.

    Raises:
        ValueError: there is no row, the size does not fit the number of processes, or these are several and
            ``drop_last`` is off.
    """

    def __init__(
        self,
        groups: np.ndarray,
        size: int,
        seed: int,
        unique_groups: bool = True,
        drop_last: bool = True,
        rank: int = 0,
        world: int = 1,
    ) -> None:
        if size < 1 or not len(groups):
            raise ValueError(f"need at least one row and a batch size of at least 1, got {len(groups)} and {size}")
        if not 0 <= rank < world or size % world:
            raise ValueError(f"need 0 <= rank < world and a batch size that world divides, got {rank}, {world}, {size}")
        if world > 1 and not drop_last:
            raise ValueError("several processes need batches of one size: drop_last must be true")
        numbers = groups if unique_groups else np.arange(len(groups))
        _, self._group = np.unique(numbers, return_inverse=True)
        self._counts = np.bincount(self._group)
        if len(self._counts) < size:
            log.warning(
                "batches hold %d rows, not %d: there are no more groups of rows to fill them with",
                len(self._counts) // world * world,
                size,
            )
            size = len(self._counts) // world * world
            if not size:
                raise ValueError(f"{len(self._counts)} groups cannot be shared by {world} processes")
        self.size, self.seed, self.drop_last, self.rank, self.world = size, seed, drop_last, rank, world
        self.epoch = 0
        self._batches = _most_batches(self._counts, size, full=drop_last)
        order = np.argsort(self._group, kind="stable")
        starts = np.concatenate(([0], np.cumsum(self._counts)[:-1]))
        self._place = np.empty(len(groups), dtype=np.int64)  # of a row within its group
        self._place[order] = np.arange(len(groups)) - starts[self._group[order]]

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that the next iteration gives."""
        self.epoch = epoch

    def __len__(self) -> int:
        """Return the number of batches of an epoch, the same in every process."""
        return self._batches

    @property
    def left_out(self) -> int:
        """How many rows an epoch does not show."""
        placed = int(np.minimum(self._counts, self._batches).sum())
        return len(self._group) - min(placed, self._batches * self.size)

    def __iter__(self) -> Iterator[list[int]]:
        """Yield this process's slice of each batch."""
        for batch in self._deal():
            yield batch[batch >= 0][self.rank :: self.world].tolist()

    def _deal(self) -> np.ndarray:
        """Return (batches, size) int64 row positions; -1 where a batch is not full."""
        rng = np.random.default_rng((self.seed, self.epoch))
        batches, size = self._batches, self.size
        rows = self._shuffled(rng)[: batches * size]
        blocks = np.full((size, batches), -1, dtype=np.int64)
        blocks.flat[: len(rows)] = rows
        targets = rng.permuted(np.tile(np.arange(batches), (size, 1)), axis=1)
        for k in range(1, size):
            if blocks[k, 0] >= 0 and self._group[blocks[k - 1, -1]] == self._group[blocks[k, 0]]:
                self._untangle(blocks[k - 1 : k + 1], targets[k - 1], targets[k])
        dealt = np.empty((batches, size), dtype=np.int64)
        dealt[targets, np.arange(size)[:, None]] = blocks
        return dealt

    def _shuffled(self, rng: np.random.Generator) -> np.ndarray:
        """Return the rows of the epoch: groups in random order, the rows of each together and in random order."""
        turn = (self._place - self.epoch * self._batches) % self._counts[self._group]
        rows = rng.permutation(np.flatnonzero(turn < self._batches))
        rank = rng.permutation(len(self._counts))
        return rows[np.argsort(rank[self._group[rows]], kind="stable")]

    def _untangle(self, blocks: np.ndarray, before: np.ndarray, after: np.ndarray) -> None:
        """Change ``after`` so that the group across two blocks meets no batch twice.

        Args:
            blocks: (2, batches) rows; one group ends the first and begins the second.
            before: (batches,) batch of each row of the first block.
            after: (batches,) the same of the second, changed in place.
        """
        group = self._group[blocks[1, 0]]
        same = self._group[blocks] == group
        taken = set(before[same[0]].tolist())
        head = np.flatnonzero(same[1] & (blocks[1] >= 0))
        free = [j for j in range(len(head), len(after)) if int(after[j]) not in taken]
        for i in head:
            if int(after[i]) in taken:
                j = free.pop()
                after[i], after[j] = after[j], after[i]


def _most_batches(counts: np.ndarray, size: int, full: bool) -> int:
    """Return the largest number of batches that the groups fill, each group at most once per batch.

    Args:
        counts: (G,) rows per group, G >= size.
        size: rows per batch.
        full: all batches must be full; else the last may be short.
    """
    low, high = 1, max(1, int(counts.sum()))
    while low < high:
        middle = (low + high + 1) // 2
        placed = int(np.minimum(counts, middle).sum())
        enough = placed >= middle * size if full else placed > (middle - 1) * size
        low, high = (middle, high) if enough else (low, middle - 1)
    return low
