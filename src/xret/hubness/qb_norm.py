"""QB-Norm: querybank normalisation with the dynamic inverted softmax."""

from dataclasses import dataclass

import numpy as np

from xret.hubness import Bias
from xret.hubness._bank import check_bank, scores_of_targets


@dataclass(frozen=True)
class QBNorm:
    """The inverted softmax over a bank, for queries that would meet a target of its activation set.

    exp(score(q, t) / temperature) / sum over the bank of exp(score(b, t) / temperature)

    Its logarithm times the temperature is the score less a bias of the target. A target is active when it is among the
    ``first`` answers to a query of the bank; a query whose nearest target is not active keeps its plain scores.

    Source: Bogolin et al. 2022, Cross Modal Retrieval with Querybank Normalisation, https://arxiv.org/abs/2112.12777
    (sec. 3.2, eq. 4 and 5).

    Args:
        temperature: in cosine; 0.1 is an inverse temperature of 10 (the paper has 20, for CLIP).
        first: answers of a query of the bank that are active.

    Raises:
        ValueError: temperature is not positive, or first is below 1.
    """

    temperature: float = 0.1
    first: int = 1

    def __post_init__(self) -> None:
        if not self.temperature > 0 or self.first < 1:
            raise ValueError(f"need temperature > 0 and first > 0, got {self.temperature} and {self.first}")

    def values(self, bank: np.ndarray, targets: np.ndarray) -> np.ndarray:
        """Return what is taken off T targets, (T,) float32.

        Raises:
            ValueError: shapes do not fit, or the bank is empty.
        """
        check_bank(bank, targets)
        values = np.zeros(len(targets), np.float32)
        for where, scores in scores_of_targets(bank, targets):
            scaled = scores / np.float32(self.temperature)
            top = scaled.max(axis=1, keepdims=True)
            values[where] = self.temperature * (top[:, 0] + np.log(np.exp(scaled - top).sum(axis=1)))
        return values

    def __call__(self, bank: np.ndarray, targets: np.ndarray) -> Bias:
        """Return the bias of T targets; see the package."""
        values = self.values(bank, targets)
        active = np.zeros(len(targets), bool)
        count = min(self.first, len(targets))
        for begin in range(0, len(bank), 1024):
            scores = bank[begin : begin + 1024] @ targets.T
            active[np.argpartition(scores, -count, axis=1)[:, -count:].ravel()] = True
        return Bias(values, active)
