"""A second stage moves candidates among themselves and nothing else."""

import numpy as np
import pytest

from xret.metric.ranks import ranks_from_scores
from xret.metric.rerank import reranked
from xret.metric.retrieval import per_query


def relevance(*rows, gains=None):
    offsets = np.cumsum([0, *map(len, rows)])
    columns = np.concatenate([np.array(row, dtype=np.int64) for row in rows])
    return offsets, columns, np.ones(len(columns), np.float32) if gains is None else np.array(gains, np.float32)


def test_candidates_change_places_and_the_rest_stays():
    # query 0 finds 7, 3, 5 first; 3 is right and so is 9, which is no candidate
    candidates, scores = np.array([[7, 3, 5]]), np.array([[0.1, 0.9, 0.5]])
    assert reranked(np.array([2, 6]), candidates, scores, relevance([3, 9])).tolist() == [1, 6]
    assert reranked(np.array([2, 6]), candidates, -scores, relevance([3, 9])).tolist() == [3, 6]


def test_a_tie_is_lost():
    candidates = np.array([[7, 3, 5]])
    assert reranked(np.array([1]), candidates, np.zeros((1, 3)), relevance([7])).tolist() == [3]
    near = np.array([[0.5, 0.5 - 1e-7, 0.0]])
    assert reranked(np.array([1]), candidates, near, relevance([7]), tie_tolerance=1e-6).tolist() == [2]


def test_a_query_without_a_right_candidate_keeps_its_ranks():
    ranks = np.array([9, 1])
    found = reranked(ranks, np.array([[0, 1], [4, 5]]), np.array([[1.0, 2.0], [1.0, 2.0]]), relevance([3], [4]))
    assert found.tolist() == [9, 2]
    alone = reranked(ranks[:1], np.array([[0, 1]]), np.array([[1.0, 2.0]]), relevance([3]))
    assert alone.tolist() == [9]
    assert alone is not ranks


@pytest.mark.parametrize("k", [1, 5, 30])
def test_agrees_with_a_sort_and_recall_beyond_k_is_that_of_the_first_stage(k):
    rng = np.random.default_rng(k)
    first, second = rng.random((20, 30)), rng.random((20, 30))
    rows = [np.sort(rng.choice(30, rng.integers(1, 4), replace=False)) for _ in range(20)]
    relevant = relevance(*rows)
    order = np.argsort(-first, axis=1)
    before = ranks_from_scores(first, relevant)
    candidates = order[:, :k]
    after = reranked(before, candidates, np.take_along_axis(second, candidates, 1), relevant)
    expected = []
    for i, row in enumerate(rows):
        head = sorted(candidates[i], key=lambda j, i=i: -second[i, j])
        whole = [*head, *order[i, k:]]
        expected += [whole.index(j) + 1 for j in row]
    assert after.tolist() == expected
    for name, cutoff in (("set_recall_at_5", 5), ("set_recall_at_10", 10)):
        if cutoff >= k:
            assert (per_query(after, relevant)[name] == per_query(before, relevant)[name]).all()


@pytest.mark.parametrize(("rows", "count"), [(2, 1), (1, 2)])
def test_shapes_that_do_not_fit_are_refused(rows, count):
    with pytest.raises(ValueError, match="need candidates and scores"):
        reranked(np.ones(count, np.int64), np.zeros((rows, 2), np.int64), np.zeros((rows, 2)), relevance([3]))
