"""Metrics: how well the vectors of one modality find those of another.

Nothing here knows data sets, encoders or torch. The parts, from the bottom up::

    ranks      vectors or scores -> the rank of every relevant target of every query, exact, in bounded memory
    retrieval  ranks -> figures per query: recall, precision, mAP, MRR, nDCG
    chance     the same figures under a ranking drawn at random
    interval   figures per query -> bootstrap replicates of their mean
    evaluate   all of it for the tasks of a protocol, as one flat dictionary
    ridge      the closed-form baseline on the same features
    top_k      the best targets of some queries, to look at

A task is whatever carries the attributes of `TaskLike`. Its relevance is three arrays, one row per query::

    offsets  (Q+1,) int64    row i owns the entries offsets[i] to offsets[i + 1]
    columns  (P,)   int64    a target, as position in ``targets``; at most once per row
    gains    (P,)   float32  how relevant it is, above 0

Scores are float32 cosines, larger is closer. Ties are pessimistic: a relevant target stands behind every irrelevant
one that scores as high, so a model that gives every item the same vector scores 0 and not 1.
"""

from collections.abc import Sequence
from typing import Protocol

import numpy as np

RelevanceArrays = tuple[np.ndarray, np.ndarray, np.ndarray]


class TaskLike(Protocol):
    """What `evaluate` needs to know of a retrieval task with Q queries and T targets."""

    @property
    def name(self) -> str:
        """The direction, "text_to_image"."""

    @property
    def query(self) -> str:
        """Modality of the queries."""

    @property
    def target(self) -> str:
        """Modality of the targets."""

    @property
    def queries(self) -> np.ndarray:
        """(Q,) int64, positions among the items of the query modality."""

    @property
    def targets(self) -> np.ndarray:
        """(T,) int64, positions among the items of the target modality."""

    @property
    def groups(self) -> np.ndarray:
        """(Q,) int64, queries of one group are resampled together."""

    @property
    def relevance(self) -> RelevanceArrays:
        """Offsets, columns and gains, as the package describes them."""

    @property
    def fold(self) -> int:
        """Number of the fold the task belongs to."""

    @property
    def left_out(self) -> int:
        """Queries that were dropped because no target is relevant to them."""


Tasks = Sequence[TaskLike]
