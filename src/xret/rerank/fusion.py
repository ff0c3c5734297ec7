"""Fusion: the run's own matcher looks at each candidate beside the query."""

from dataclasses import dataclass

import numpy as np

from xret._errors import UserError
from xret.rerank import Candidates, Query


@dataclass(frozen=True)
class Fusion:
    """The second stage that the run was trained with, mixed with the first as the run was measured.

    Source: Li et al. 2021, ALBEF, https://arxiv.org/abs/2107.07651 (sec. 3.3, matching on the first k answers).

    Args:
        depth: candidates that are ordered anew; what lies behind them stays there.

    Raises:
        ValueError: depth is below 2.
    """

    depth: int = 20

    sees_pictures = True

    def __post_init__(self) -> None:
        if self.depth < 2:
            raise ValueError(f"depth must be at least 2 candidates, got {self.depth}")

    def __call__(self, query: Query, candidates: Candidates) -> np.ndarray:
        """Return scores (K,), mixed.

        Raises:
            UserError: the run has no matcher.
        """
        if candidates.logits is None:
            raise UserError("rerank=fusion needs a run with a second stage, trained with fusion=late for one")
        scores: np.ndarray = np.asarray(candidates.logits(), np.float64)
        return scores
