"""Relevance as sparse rows: by group, from pairs, turned round, and without empty rows."""

import numpy as np

from xret.protocol import ItemsLike, Relevance, Task


def by_group(query_groups: np.ndarray, target_groups: np.ndarray) -> Relevance:
    """Return gain 1 for every target that shares the group of a query.

    Args:
        query_groups: (Q,) int64.
        target_groups: (T,) int64.

    Returns:
        Relevance of Q rows, some of them perhaps empty.
    """
    order = np.argsort(target_groups, kind="stable")
    ordered = target_groups[order]
    first = np.searchsorted(ordered, query_groups, side="left")
    counts = np.searchsorted(ordered, query_groups, side="right") - first
    offsets = np.concatenate(([0], np.cumsum(counts)))
    places = np.arange(offsets[-1]) + np.repeat(first - offsets[:-1], counts)
    return Relevance(offsets, order[places], np.ones(offsets[-1], dtype=np.float32))


def from_pairs(rows: np.ndarray, columns: np.ndarray, gains: np.ndarray, queries: int) -> Relevance:
    """Return the relevance that P (row, column, gain) entries state, in any order.

    Args:
        rows: (P,) int64, below ``queries``.
        columns: (P,) int64.
        gains: (P,) float.
        queries: Q, the number of rows.
    """
    order = np.lexsort((columns, rows))
    offsets = np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=queries))))
    return Relevance(offsets, columns[order], gains[order].astype(np.float32))


def task_between(
    query: ItemsLike, target: ItemsLike, queries: np.ndarray, targets: np.ndarray, relevance: Relevance, fold: int = 0
) -> Task:
    """Return the task without the queries to which nothing is relevant.

    Args:
        query: all items of the query modality.
        target: all items of the target modality.
        queries: (Q,) int64, positions in ``query``.
        targets: (T,) int64, positions in ``target``.
        relevance: of Q rows, some of them perhaps empty.
        fold: number of the fold.
    """
    kept = np.flatnonzero(np.diff(relevance.offsets))
    offsets = np.append(relevance.offsets[kept], relevance.offsets[-1])  # an empty row owns no entry
    asked = queries[kept]
    return Task(
        query=query.modality,
        target=target.modality,
        queries=asked,
        targets=targets,
        groups=query.groups[asked],
        relevance=relevance._replace(offsets=offsets),
        fold=fold,
        left_out=len(queries) - len(kept),
    )
