"""Attributes: candidates that are labelled with words of the query come first."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from xret.rerank import Candidates, Query


@dataclass(frozen=True)
class Attributes:
    """The score of the first stage, and ``weight`` more for each attribute whose value stands in the query.

    A value counts when its words stand in the query one behind the other, whole and in any case: "dark red" in "a Dark
    Red dress". A query by picture has no words, so nothing changes.

    Args:
        depth: candidates that are ordered anew; what lies behind them stays there.
        weight: in cosine, per attribute.
        names: of the attributes that count; null: all.

    Raises:
        ValueError: depth is below 2, or weight is not positive.
    """

    depth: int = 50
    weight: float = 0.05
    names: tuple[str, ...] | None = None

    sees_pictures = False

    def __post_init__(self) -> None:
        if self.depth < 2 or not self.weight > 0:
            raise ValueError(f"need depth > 1 and weight > 0, got {self.depth} and {self.weight}")

    def __call__(self, query: Query, candidates: Candidates) -> np.ndarray:
        """Return scores (K,) in cosine."""
        words = f" {' '.join(_words(query.text))} "
        named = np.array([self._named(words, held) for held in candidates.attributes], np.float64)
        scores: np.ndarray = candidates.scores.astype(np.float64) + self.weight * named
        return scores

    def _named(self, words: str, held: Mapping[str, str]) -> int:
        """Return how many attributes of an item the query names."""
        counted = held if self.names is None else {name: held.get(name, "") for name in self.names}
        values = [" ".join(_words(value)) for value in counted.values()]
        return sum(f" {value} " in words for value in values if value)


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.casefold())
