"""NNN: a share of the mean score with the nearest queries of the bank is taken off."""

from dataclasses import dataclass

import numpy as np

from xret.hubness import Bias
from xret.hubness._bank import check_bank, mean_of_nearest


@dataclass(frozen=True)
class NNN:
    """Nearest neighbour normalisation.

    score(q, t) - weight * mean of the ``neighbours`` largest score(b, t) over the queries b of the bank

    Source: Chowdhury et al. 2024, Nearest Neighbor Normalization Improves Multimodal Retrieval,
    https://arxiv.org/abs/2410.24114 (sec. 3).

    Args:
        weight: of what is taken off.
        neighbours: queries of the bank.

    Raises:
        ValueError: weight is not positive, or neighbours is below 1.
    """

    weight: float = 0.375
    neighbours: int = 10

    def __post_init__(self) -> None:
        if not self.weight > 0 or self.neighbours < 1:
            raise ValueError(f"need weight > 0 and neighbours > 0, got {self.weight} and {self.neighbours}")

    first = None

    def values(self, bank: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return what is taken off T targets, (T,) float32.

        Raises:
            ValueError: shapes do not fit, or the bank is empty.
        """
        check_bank(bank, targets)
        return np.float32(self.weight) * mean_of_nearest(bank, targets, self.neighbours)

    def __call__(self, bank: np.ndarray, targets: np.ndarray) -> Bias:
        """Return the bias of T targets; see the package."""
        return Bias(self.values(bank, targets))
