"""Which of the vectors an index holds are still answers, and which place each of them has."""

from pathlib import Path

import numpy as np

from xret._errors import UserError

FILE = "gone.npy"


class Places:
    """Removed vectors stay in an index as tombstones; positions count only those that are left.

    Attributes:
        gone: (M,) bool, of the M vectors held.
    """

    def __init__(self, count: int = 0) -> None:
        self.gone = np.zeros(count, bool)
        self._left: np.ndarray | None = None

    @property
    def left(self) -> np.ndarray:
        """Return where the vectors that are left are among those held, (N,) int64."""
        if self._left is None:
            self._left = np.flatnonzero(~self.gone)
        return self._left

    def extend(self, count: int) -> None:
        """Take in vectors behind the others."""
        self.gone, self._left = np.concatenate([self.gone, np.zeros(count, bool)]), None

    def remove(self, positions: np.ndarray) -> None:
        """Bury the vectors at these positions."""
        self.gone[self.left[positions]] = True
        self._left = None

    def held(self, allowed: np.ndarray | None) -> np.ndarray | None:
        """Return which of the held vectors may be answers, (M,) bool; None: all.

        Args:
            allowed: (N,) bool, or None.

        Raises:
            ValueError: it has another length.
        """
        if allowed is None:
            return ~self.gone if len(self.left) < len(self.gone) else None
        if allowed.shape != self.left.shape:
            raise ValueError(f"allowed must have one entry for each of {len(self.left)} vectors, got {allowed.shape}")
        mask = np.zeros(len(self.gone), bool)
        mask[self.left[allowed]] = True
        return mask

    def outside(self, found: np.ndarray) -> np.ndarray:
        """Turn places among the held vectors into positions; -1 stays."""
        if len(self.left) == len(self.gone):
            return found.astype(np.int64)
        return np.where(found < 0, -1, np.searchsorted(self.left, found)).astype(np.int64)

    def save(self, folder: Path) -> None:
        """Write them into a folder, where any vector is gone."""
        if self.gone.any():
            np.save(folder / FILE, self.gone)

    @classmethod
    def load(cls, folder: Path, count: int) -> "Places":
        """Read them for an index of ``count`` vectors.

        Raises:
            UserError: they are of another index, or broken.
        """
        places = cls(count)
        if (folder / FILE).is_file():
            places.gone = array(folder / FILE)
            if places.gone.shape != (count,) or places.gone.dtype != bool:
                raise UserError(f"{folder / FILE} must mark {count} vectors, got {places.gone.shape}; build again")
        return places


def array(path: Path) -> np.ndarray:
    """Read an array of numbers.

    Raises:
        UserError: the file is missing or broken.
    """
    try:
        found: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"cannot read {path}: {error}; build the index again") from error
    return found
