"""Ranks, against counting one score at a time in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xret.metric import _tiles, ranks
from xret.metric.ranks import ranks_from_scores, ranks_from_vectors


def unit(rng, rows, dim):
    vectors = rng.standard_normal((rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def random_relevance(rng, queries, targets, most=4, grades=3):
    """Return relevance with 1 to `most` relevant targets per query, in no order."""
    rows = [rng.permutation(targets)[: rng.integers(1, most + 1)] for _ in range(queries)]
    columns = np.concatenate(rows)
    offsets = np.concatenate(([0], np.cumsum([len(row) for row in rows])))
    return offsets, columns, rng.integers(1, grades + 1, len(columns)).astype(np.float32)


def slow_ranks(scores, relevance):
    """Place every target of a query by hand: irrelevant before relevant, and low gain before high, among equals."""
    offsets, columns, gains = relevance
    found = []
    for i, row in enumerate(scores):
        gain_of = dict(zip(columns[offsets[i] : offsets[i + 1]], gains[offsets[i] : offsets[i + 1]], strict=True))
        order = sorted(
            range(len(row)), key=lambda j: (-row[j], gain_of.get(j, 0), list(gain_of).index(j) if j in gain_of else 0)
        )
        found += [order.index(j) + 1 for j in gain_of]
    return found


@pytest.mark.parametrize(
    ("queries", "targets", "most"), [(1, 1, 1), (1, 9, 3), (7, 5, 5), (90, 130, 4), (70, 200, 150)]
)
def test_vectors_rank_as_a_slow_loop_ranks_them(queries, targets, most):
    rng = np.random.default_rng(queries)
    q, t = unit(rng, queries, 16), unit(rng, targets, 16)
    relevance = random_relevance(rng, queries, targets, most=min(most, targets))
    exact = q.astype(np.float64) @ t.T.astype(np.float64)
    assert ranks_from_vectors(q, t, relevance, tie_tolerance=0).tolist() == slow_ranks(exact, relevance)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.integers(1, 12), st.integers(1, 3))
@settings(max_examples=80, deadline=None)
def test_scores_with_many_ties_rank_pessimistically(seed, queries, targets, levels):
    rng = np.random.default_rng(seed)
    scores = rng.integers(0, levels, (queries, targets)) / 4
    relevance = random_relevance(rng, queries, targets, most=targets)
    assert ranks_from_scores(scores, relevance).tolist() == slow_ranks(scores, relevance)


def test_order_of_the_targets_does_not_matter():
    rng = np.random.default_rng(0)
    scores = rng.integers(0, 3, (20, 30)).astype(np.float32)
    offsets, columns, gains = random_relevance(rng, 20, 30)
    moved = rng.permutation(30)
    again = ranks_from_scores(scores[:, moved], (offsets, np.argsort(moved)[columns], np.ones_like(gains)))
    assert sorted(again) == sorted(ranks_from_scores(scores, (offsets, columns, np.ones_like(gains))))


@pytest.mark.parametrize("dim", [3, 64, 384, 512, 768, 1280])
@pytest.mark.parametrize(("queries", "targets"), [(3, 5), (10, 1000), (600, 70), (130, 4200)])
@pytest.mark.parametrize("flat", [True, False])
def test_a_collapsed_model_ranks_last_whatever_the_shape(dim, queries, targets, flat):
    row = np.ones((1, dim)) if flat else np.random.default_rng(dim).standard_normal((1, dim))
    row = (row / np.linalg.norm(row)).astype(np.float32)
    q, t = np.repeat(row, queries, axis=0), np.repeat(row, targets, axis=0)
    relevance = np.arange(queries + 1), np.arange(queries) % targets, np.ones(queries, dtype=np.float32)
    assert (ranks_from_vectors(q, t, relevance) == targets).all()


def test_tolerance_decides_what_is_a_tie():
    scores = np.array([[0.5, 0.5 - 5e-7, 0.5 - 5e-6]])
    relevance = np.array([0, 1]), np.array([0]), np.ones(1, dtype=np.float32)
    assert ranks_from_scores(scores, relevance).tolist() == [1]
    assert ranks_from_scores(scores, relevance, tie_tolerance=1e-6).tolist() == [2]
    assert ranks_from_scores(scores, relevance, tie_tolerance=1e-5).tolist() == [3]


def test_vectors_closer_than_rounding_are_tied():
    q = np.array([[1, 0]], dtype=np.float32)
    angles = np.array([0.5, 0.5 + 1e-6, 0.6])
    t = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    relevance = np.array([0, 1]), np.array([0]), np.ones(1, dtype=np.float32)
    assert ranks_from_vectors(q, t, relevance).tolist() == [2]
    assert ranks_from_vectors(q, t, relevance, tie_tolerance=0).tolist() == [1]


def test_tiles_of_every_size_give_the_same_ranks(monkeypatch):
    rng = np.random.default_rng(1)
    q, t = unit(rng, 150, 8), unit(rng, 333, 8)
    relevance = random_relevance(rng, 150, 333)
    whole = ranks_from_vectors(q, t, relevance)
    for rows, columns, threads in ((64, 64, 1), (65, 111, 2), (149, 332, 3), (150, 333, 1), (7, 3, 2)):
        monkeypatch.setattr(_tiles, "QUERIES", rows)
        monkeypatch.setattr(ranks, "TARGETS", columns)
        monkeypatch.setattr(ranks, "new_buffer", lambda size=rows * columns + 64 * 64 * 8: np.empty(size, np.float32))
        assert (ranks_from_vectors(q, t, relevance, threads=threads) == whole).all()


@pytest.mark.parametrize("sort_from", [0, 10**9])
def test_sorting_a_tile_counts_what_scanning_counts(monkeypatch, sort_from):
    rng = np.random.default_rng(2)
    scores = rng.integers(0, 9, (12, 40)) / 8
    relevance = random_relevance(rng, 12, 40, most=20)
    monkeypatch.setattr(ranks, "SORT_FROM", sort_from)
    assert ranks_from_scores(scores, relevance).tolist() == slow_ranks(scores, relevance)


@pytest.mark.parametrize("in_order", [False, True])
def test_chosen_rows_rank_as_a_copy_of_them_would(in_order):
    rng = np.random.default_rng(3)
    q, t = unit(rng, 40, 8), unit(rng, 60, 8)
    asked, ranked = rng.permutation(40)[:25], rng.permutation(np.concatenate((rng.permutation(60)[:30], [4, 4])))
    if in_order:
        asked, ranked = np.sort(asked), np.sort(ranked)
    relevance = random_relevance(rng, 25, 32)
    chosen = ranks_from_vectors(q, t, relevance, asked, ranked)
    assert (chosen == ranks_from_vectors(q[asked], t[ranked], relevance)).all()


def test_half_precision_is_scored_in_float32():
    rng = np.random.default_rng(4)
    q, t = unit(rng, 20, 32).astype(np.float16), unit(rng, 500, 32).astype(np.float16)
    relevance = random_relevance(rng, 20, 500)
    exact = q.astype(np.float64) @ t.T.astype(np.float64)
    assert ranks_from_vectors(q, t, relevance, tie_tolerance=0).tolist() == slow_ranks(exact, relevance)


def test_scores_are_left_as_they_were():
    scores = np.random.default_rng(5).random((4, 6), dtype=np.float32)
    before = scores.copy()
    ranks_from_scores(scores, (np.arange(5), np.arange(4), np.ones(4, dtype=np.float32)))
    assert (scores == before).all()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_values_that_are_not_finite_are_refused(bad):
    vectors = np.eye(3, dtype=np.float32)
    broken = vectors.copy()
    broken[1, 2] = bad
    relevance = np.arange(4), np.arange(3), np.ones(3, dtype=np.float32)
    with pytest.raises(ValueError, match="query vectors must be finite, got nan or inf in row 1"):
        ranks_from_vectors(broken, vectors, relevance)
    with pytest.raises(ValueError, match="target vectors must be finite"):
        ranks_from_vectors(vectors, broken, relevance)
    with pytest.raises(ValueError, match="scores must be finite"):
        ranks_from_scores(broken, relevance)


@pytest.mark.parametrize(
    ("offsets", "columns", "message"),
    [
        ([0, 1, 1, 2], [0, 1], "every query must have a relevant target"),
        ([0, 1, 2, 3], [0, 1, 3], "must lie in 0 to 2, got 0 to 3"),
        ([0, 1, 2, 3], [-1, 1, 2], "must lie in 0 to 2, got -1 to 2"),
        ([0, 1, 2], [0, 1], "must have 4 offsets"),
        ([0, 1, 2, 4], [0, 1, 2], "must have 4 offsets"),
    ],
)
def test_relevance_that_does_not_fit_is_refused(offsets, columns, message):
    vectors = np.eye(3, dtype=np.float32)
    relevance = np.array(offsets), np.array(columns), np.ones(len(columns), dtype=np.float32)
    with pytest.raises(ValueError, match=message):
        ranks_from_vectors(vectors, vectors, relevance)


def test_vectors_of_two_sizes_are_refused():
    relevance = np.arange(2), np.arange(1), np.ones(1, dtype=np.float32)
    with pytest.raises(ValueError, match=r"got \(1, 2\) and \(1, 3\)"):
        ranks_from_vectors(np.ones((1, 2)), np.ones((1, 3)), relevance)


@pytest.mark.parametrize("many", [1, 60])
def test_ranks_are_those_of_exact_products_where_float32_cannot_tell(many):
    rng = np.random.default_rng(3)
    near = np.abs(rng.standard_normal((1, 768))) + 1e-6 * rng.standard_normal((700, 768))
    t = (near / np.linalg.norm(near, axis=1, keepdims=True)).astype(np.float32)
    q = t[:90] + np.float32(0)
    right = np.stack([rng.choice(700, many, replace=False) for _ in range(90)])
    relevance = np.arange(91) * many, right.ravel(), np.ones(90 * many, dtype=np.float32)
    exact = q.astype(np.float64) @ t.astype(np.float64).T
    assert np.ptp(exact) < 1e-8 + 1e-6, "the case is as near as it claims"
    expected = []
    for scores, mine in zip(exact, right, strict=True):
        wrong = np.delete(scores, mine)
        expected += [(wrong >= scores[j] - 1e-12).sum() + (scores[mine] > scores[j]).sum() + 1 for j in mine]
    assert ranks_from_vectors(q, t, relevance, tie_tolerance=1e-12).tolist() == expected
