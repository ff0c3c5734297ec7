"""Second measures: the first answers of an index, ordered anew by what its vectors do not hold.

Every one is in a file of its own, chosen by ``rerank=<file name>``, and is called with one query's candidates::

    reranker(query, candidates) -> scores (K,) float64, larger is closer

It carries ``depth``, the number of candidates it wants, and ``sees_pictures``, whether these must be pictures.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Query:
    """What was asked.

    Attributes:
        text: "" for a picture.
        features: () -> (F,) float, what the picture's encoder gave before projection and normalisation; None for a
            text.
    """

    text: str = ""
    features: Callable[[], np.ndarray] | None = None


@dataclass(frozen=True)
class Candidates:
    """The first K answers to a query, best first. What costs time is made when it is asked for.

    Attributes:
        scores: (K,) float32, of the first stage.
        attributes: of each.
        features: () -> (K, F) float, of their pictures before projection and normalisation.
        logits: () -> (K,) float, the matcher's scores mixed with those of the first stage as the run was measured;
            None where the run has no matcher.
    """

    scores: np.ndarray
    attributes: Sequence[Mapping[str, str]]
    features: Callable[[], np.ndarray]
    logits: Callable[[], np.ndarray] | None = None
