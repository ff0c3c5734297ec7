"""Vectors of a folder for an index: read as often as it wants, after a look at each of them."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from xret._errors import UserError
from xret.run.vectors import VectorFolder

_NORM = 1e-3  # float32 keeps a norm of 1 far better


@dataclass(frozen=True)
class Shards:
    """The vectors of one modality, shard by shard, from the disk each time they are asked for.

    Attributes:
        folder: that holds them.
        modality: which.
    """

    folder: VectorFolder
    modality: str

    def __iter__(self) -> Iterator[np.ndarray]:
        return self.folder.shards(self.modality)


def checked(folder: VectorFolder, modality: str, dim: int, items: int) -> Shards:
    """Return the vectors of a modality, seen to be what an index can take.

    Args:
        folder: that holds them.
        modality: which.
        dim: numbers that each must have.
        items: how many there must be.

    Raises:
        UserError: naming the first shard that is broken, of another length, or not of unit vectors; or their number.
    """
    shards, total = Shards(folder, modality), 0
    try:
        for number, shard in enumerate(shards):
            where = f"{folder.path}/{modality}/{number:05d}.npy"
            if shard.ndim != 2 or shard.shape[1] != dim or shard.dtype != np.float32:
                raise UserError(f"{where} must hold float32 vectors of {dim} numbers, got {shard.dtype} {shard.shape}")
            norms = np.sqrt(np.einsum("nd,nd->n", shard, shard))
            if not (np.abs(norms - 1) < _NORM).all():
                worst = norms[np.argmax(np.where(np.isfinite(norms), np.abs(norms - 1), np.inf))]
                raise UserError(f"{where} must hold unit vectors, got one of norm {worst:.3g}; embed again")
            total += len(shard)
    except (OSError, EOFError, ValueError) as error:
        if isinstance(error, UserError):
            raise
        raise UserError(f"cannot read the {modality} vectors of {folder.path}: {error}; embed again") from error
    if total != items or not total:
        raise UserError(f"{folder.path} names {items} {modality} items and holds {total} vectors; embed again")
    return shards
