"""Exact ranks of relevant targets, without ever holding all scores."""

import numpy as np

from xret.metric import RelevanceArrays
from xret.metric._kernels import count_at_least, count_at_least_sorted, hide, products, settle
from xret.metric._tiles import TARGETS, Gathered, blocks, each_block, new_buffer, scores_into

SORT_FROM = 48  # relevant targets per query from which sorting a tile is cheaper than one pass for each of them
HALF_ULP = 2.0**-24  # largest relative error of one float32 operation


def ranks_from_vectors(
    queries: np.ndarray,
    targets: np.ndarray,
    relevance: RelevanceArrays,
    query_rows: np.ndarray | None = None,
    target_rows: np.ndarray | None = None,
    tie_tolerance: float = 1e-6,
    threads: int | None = None,
) -> np.ndarray:
    """Return the rank of every relevant target among all T targets of its query.

    A relevant target stands behind every irrelevant one that scores at least as high, less ``tie_tolerance``: vectors
    are rounded to float32, and a model that maps all items to one vector must not profit from it. Relevant targets
    stand by score; of equal ones the lower gain comes first.

    Works in tiles of 512 queries and 4,096 targets, 8 MB for each thread, whatever Q and T are. A float32 product
    depends on the kernels of BLAS, on the processor and on where a pair stands in its tile. So it decides only where
    its error cannot matter (D roundings at most: Higham 2002, Accuracy and Stability of Numerical Algorithms, sec.
    3.1); what is closer is multiplied again in float64. Ranks are thus the same on every machine.

    Args:
        queries: (N, D) float32 unit vectors.
        targets: (M, D) float32 unit vectors.
        relevance: offsets (Q+1,), columns (P,) and gains (P,), see the package.
        query_rows: (Q,) int64, the rows of ``queries`` that are asked; None for all.
        target_rows: (T,) int64, the rows of ``targets`` that are ranked; None for all.
        tie_tolerance: scores closer than this are tied; 1e-6 is what rounding a unit vector to float32 may do.
        threads: how many at a time; None for as many as BLAS may use.

    Returns:
        (P,) int64, in the order of ``columns``; the best rank is 1.

    Raises:
        ValueError: a vector is not finite, or shapes do not fit.
    """
    if queries.ndim != 2 or targets.ndim != 2 or queries.shape[1] != targets.shape[1]:
        raise ValueError(f"queries and targets must be (N, D) and (M, D), got {queries.shape} and {targets.shape}")
    check_finite(queries, "query vectors")
    check_finite(targets, "target vectors")
    asked = _gathered(queries, query_rows)
    ranked = _gathered(targets, target_rows)
    offsets, columns, _ = check_relevance(relevance, len(asked), len(ranked))
    scores = np.empty(len(columns), dtype=np.float64)
    doubt = queries.shape[1] * HALF_ULP * _longest(queries) * _longest(targets)
    ahead = np.zeros(len(columns), dtype=np.int64)

    def work(start: int, stop: int) -> None:
        buffer = new_buffer()
        rows = asked.take(start, stop)
        mine = slice(offsets[start], offsets[stop])
        local = offsets[start : stop + 1] - offsets[start]
        products(rows, ranked.vectors, local, ranked.rows[columns[mine]], scores[mine])
        thresholds = scores[mine] - tie_tolerance
        low = np.nextafter((thresholds - doubt).astype(np.float32), np.float32(-np.inf))
        high = np.nextafter((thresholds + doubt).astype(np.float32), np.float32(np.inf))
        for first, last in blocks(len(ranked), TARGETS):
            compared = ranked.take(first, last)
            tile = scores_into(buffer, rows, compared)
            hide(tile, first, local, columns[mine])
            found = _count(tile, local, np.stack([low, high]))
            settle(tile, rows, compared, local, low, high, thresholds, found)
            ahead[mine] += found[1]

    each_block(len(asked), work, threads)
    return _ranks(scores, ahead, relevance)


def ranks_from_scores(scores: np.ndarray, relevance: RelevanceArrays, tie_tolerance: float = 0.0) -> np.ndarray:
    """Return the rank of every relevant target, from a matrix of scores.

    Args:
        scores: (Q, T) float, larger is closer. Ranked in its own precision; half precision as float32.
        relevance: offsets (Q+1,), columns (P,) and gains (P,), see the package.
        tie_tolerance: scores closer than this are tied; 0 takes them as they are.

    Returns:
        (P,) int64, in the order of ``columns``; the best rank is 1. Ties as in `ranks_from_vectors`.

    Raises:
        ValueError: a score is not finite, or shapes do not fit.
    """
    if scores.ndim != 2:
        raise ValueError(f"scores must be a (Q, T) matrix, got shape {scores.shape}")
    check_finite(scores, "scores")
    offsets, columns, _ = check_relevance(relevance, *scores.shape)
    precision = np.result_type(scores.dtype, np.float32)
    found = scores[_row_of(offsets), columns].astype(precision)
    ahead = np.zeros(len(columns), dtype=np.int64)
    for start, stop in blocks(len(scores), max(1, 2**21 // max(1, scores.shape[1]))):
        mine = slice(offsets[start], offsets[stop])
        tile = np.array(scores[start:stop], dtype=precision, order="C")
        thresholds = found[mine] - precision.type(tie_tolerance)
        local = offsets[start : stop + 1] - offsets[start]
        hide(tile, 0, local, columns[mine])
        ahead[mine] = _count(tile, local, thresholds[None])[0]
    return _ranks(found, ahead, relevance)


def check_finite(values: np.ndarray, what: str) -> None:
    """Raise unless all of (N, M) ``values`` are finite: comparisons with nan are false and would look like good ranks.

    Raises:
        ValueError: names the first row with a value that is not finite.
    """
    ones = np.ones(values.shape[1], dtype=values.dtype)
    for start, stop in blocks(len(values), max(1, 2**20 // max(1, values.shape[1]))):
        with np.errstate(all="ignore"):
            if np.isfinite(values[start:stop] @ ones).all():  # a sum costs one read; it is not finite if a term is not
                continue
        finite = np.isfinite(values[start:stop]).all(axis=1)
        if not finite.all():
            raise ValueError(f"{what} must be finite, got nan or inf in row {start + int(finite.argmin())}")


def check_relevance(relevance: RelevanceArrays, queries: int, targets: int) -> RelevanceArrays:
    """Return the relevance of Q queries and T targets, checked.

    Raises:
        ValueError: arrays do not fit together, a query has no relevant target, or a target does not exist.
    """
    offsets, columns, gains = relevance
    if offsets.shape != (queries + 1,) or offsets[0] != 0 or offsets[-1] != len(columns) or len(gains) != len(columns):
        raise ValueError(
            f"relevance must have {queries + 1} offsets from 0 to the number of columns and one gain for each column, "
            f"got {len(offsets)} offsets, {len(columns)} columns and {len(gains)} gains"
        )
    if (np.diff(offsets) < 1).any():
        raise ValueError("every query must have a relevant target, got one without: leave such queries out of the task")
    if len(columns) and not 0 <= columns.min() <= columns.max() < targets:
        raise ValueError(f"relevant targets must lie in 0 to {targets - 1}, got {columns.min()} to {columns.max()}")
    return offsets, columns, gains


def _gathered(vectors: np.ndarray, rows: np.ndarray | None) -> Gathered:
    return Gathered(np.asarray(vectors, dtype=np.float32), np.arange(len(vectors)) if rows is None else rows)


def _row_of(offsets: np.ndarray) -> np.ndarray:
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def _longest(vectors: np.ndarray) -> float:
    """Return the greatest length of (N, D) vectors."""
    squares = [np.einsum("nd,nd->n", v, v).max() for v in np.array_split(vectors, max(1, len(vectors) // 4096))]
    return float(np.sqrt(max(squares)))


def _count(tile: np.ndarray, offsets: np.ndarray, thresholds: np.ndarray) -> np.ndarray:
    """Return (n, p) int64: how many scores of its row are at least each of (n, p) thresholds."""
    found = np.zeros(thresholds.shape, dtype=np.int64)
    if thresholds.shape[1] >= SORT_FROM * len(tile):
        tile = np.sort(tile, axis=1)
        count_at_least_sorted(tile, offsets, thresholds, found)
    else:
        count_at_least(tile, offsets, thresholds, found)
    return found


def _ranks(scores: np.ndarray, ahead: np.ndarray, relevance: RelevanceArrays) -> np.ndarray:
    """Add to the irrelevant targets ahead the relevant ones that stand before each relevant target."""
    offsets, _, gains = relevance
    row_of = _row_of(offsets)
    order = np.lexsort((gains, -scores, row_of))
    ranks = np.empty(len(scores), dtype=np.int64)
    ranks[order] = ahead[order] + np.arange(len(scores)) - offsets[row_of] + 1
    return ranks
