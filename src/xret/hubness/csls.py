"""CSLS: cross-domain similarity local scaling."""

from dataclasses import dataclass

import numpy as np

from xret.hubness import Bias
from xret.hubness._bank import check_bank, mean_of_nearest


@dataclass(frozen=True)
class CSLS:
    """Twice the cosine, less the mean cosine of both sides with their nearest neighbours on the other side.

    The term of the query is the same for all targets and changes no order, so what remains, halved, is

    score(q, t) - mean of the ``neighbours`` largest score(b, t) over the queries b of the bank / 2

    Source: Conneau et al. 2018, Word Translation Without Parallel Data, https://arxiv.org/abs/1710.04087 (sec. 2.3);
    there the bank is all queries that are asked, here those of training, as no query may depend on the others.

    Args:
        neighbours: queries of the bank.

    Raises:
        ValueError: neighbours is below 1.
    """

    neighbours: int = 10

    def __post_init__(self) -> None:
        if self.neighbours < 1:
            raise ValueError(f"neighbours must be at least 1, got {self.neighbours}")

    first = None

    def values(self, bank: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return what is taken off T targets, (T,) float32.

        Raises:
            ValueError: shapes do not fit, or the bank is empty.
        """
        check_bank(bank, targets)
        return mean_of_nearest(bank, targets, self.neighbours) / 2

    def __call__(self, bank: np.ndarray, targets: np.ndarray) -> Bias:
        """Return the bias of T targets; see the package."""
        return Bias(self.values(bank, targets))
