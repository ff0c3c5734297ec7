"""Protocols: what counts as a query, a target and a right answer.

Every protocol is a class in a file of its own, chosen by ``protocol=<file name>``. It is called as::

    protocol(items) -> list[Task]

    items   modality -> the unique items of a split, with their refs and groups
    Task    one direction: which items are asked, which are ranked, and which of these are relevant to which query

Relevance is many-to-many, and stored sparsely: a caption may have several right images, an image several right
captions. A protocol sees no vectors and no model. One that fixes what a certain split holds names it in an attribute
``split``; other splits are then measured by `xret.protocol.default`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np


class ItemsLike(Protocol):
    """The unique items of one modality: N different texts, images, ..."""

    @property
    def modality(self) -> str:
        """Name of the modality, "text"."""

    @property
    def refs(self) -> tuple[str, ...]:
        """N texts or media files."""

    @property
    def groups(self) -> np.ndarray:
        """(N,) int64, items of one group are right answers to each other."""

    def __len__(self) -> int:
        """Return N."""


Split = Mapping[str, ItemsLike]


class Relevance(NamedTuple):
    """Which targets are relevant to which query, row by row: P entries for Q queries.

    Attributes:
        offsets: (Q+1,) int64, row i owns the entries offsets[i] to offsets[i + 1].
        columns: (P,) int64, positions in the task's targets, at most once per row.
        gains: (P,) float32, how relevant, above 0.
    """

    offsets: np.ndarray
    columns: np.ndarray
    gains: np.ndarray


@dataclass(frozen=True)
class Task:
    """One direction of retrieval, for one fold.

    Attributes:
        query: modality of the queries.
        target: modality of the targets.
        queries: (Q,) int64, positions in the items of the query modality.
        targets: (T,) int64, positions in the items of the target modality.
        groups: (Q,) int64, the group of each query; queries of a group are resampled together.
        relevance: of the T targets to the Q queries; every query has at least one relevant target.
        fold: number of the fold; figures are averaged over the folds of a direction.
        left_out: queries that were dropped because nothing is relevant to them.
    """

    query: str
    target: str
    queries: np.ndarray
    targets: np.ndarray
    groups: np.ndarray
    relevance: Relevance
    fold: int = 0
    left_out: int = 0

    @property
    def name(self) -> str:
        """The direction, "text_to_image"."""
        return f"{self.query}_to_{self.target}"
