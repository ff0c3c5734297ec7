"""Hubness corrections: targets that are near to everything are moved away from everybody.

In a space of many dimensions a few targets, the hubs, are among the first answers to very many queries (Radovanović et
al. 2010). A correction learns from a bank of queries, of training only, how near each target is to queries in general,
and takes that off its scores. Every one is in a file of its own, chosen by ``hubness=<file name>``, and is called as::

    correction(bank, targets)         -> Bias
    correction.values(bank, targets)  -> (T,) float32, what is taken off each target, whatever the others are
    correction.first                  -> K: only queries whose nearest target is among the first K answers to a query
                                         of the bank are corrected; None: all are

    bank     (N, D) float32 unit vectors of training queries, of the modality that asks
    targets  (T, D) float32 unit vectors
"""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Bias:
    """What is taken off the scores of each target.

    It is the same for all queries, so any index of inner products can hold it as one more dimension.

    Attributes:
        values: (T,) float32, in cosine.
        active: (T,) bool: only queries whose nearest target is one of these are corrected; None: all queries.
    """

    values: np.ndarray
    active: np.ndarray | None = None

    def applies(self, nearest: np.ndarray) -> np.ndarray:
        """Return (Q,) bool: which queries are corrected, by the nearest target (Q,) int64 of each."""
        if self.active is None:
            return np.ones(len(nearest), bool)
        found: np.ndarray = self.active[nearest]
        return found

    def widened(self, queries: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return both with one dimension more, so that their products are the corrected scores.

        Args:
            queries: (Q, D) float32 unit vectors.
            targets: (T, D) float32 unit vectors, those that the bias is of.

        Returns:
            (Q, D + 1) and (T, D + 1) float32.
        """
        on = np.ones(len(queries), np.float32)
        if self.active is not None:
            nearest = np.concatenate([(block @ targets.T).argmax(axis=1) for block in _blocks(queries)])
            on = self.applies(nearest).astype(np.float32)
        return np.column_stack([queries, on]), np.column_stack([targets, -self.values]).astype(np.float32)


def _blocks(rows: np.ndarray, size: int = 1024) -> list[np.ndarray]:
    return [rows[begin : begin + size] for begin in range(0, max(1, len(rows)), size)]
