"""Two measures in a row: the cosine finds, the Euclidean distance of visual features orders."""

from dataclasses import dataclass

import numpy as np

from xret.rerank import Candidates, Query


@dataclass(frozen=True)
class CosineEuclid:
    """The candidates by their distance to the query in features that are not normalised.

    On unit vectors the Euclidean distance orders as the cosine does; what a picture encoder gives before projection
    still has its length and its style. A picture is compared with every candidate. A text has no looks: its candidates
    are compared with the first answer, so that the list agrees in style with what stands on top.

    Source: the two measures of the project's brief (row B11); a list held to its first answer is pseudo-relevance
    feedback, Rocchio 1971.

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
        """Return scores (K,): less the distance, in units of the features."""
        features = np.asarray(candidates.features(), np.float64)
        reference = features[0] if query.features is None else np.asarray(query.features(), np.float64)
        distance: np.ndarray = np.linalg.norm(features - reference, axis=1)
        return -distance
