"""A graph finds neighbours, with filters, additions and tombstones."""

import pytest

from xret.index.hnsw import HNSW


def test_holds_the_contract(holds_the_contract):
    holds_the_contract(HNSW, recall=0.95)


def test_more_candidates_find_more(vectors, shards, plain):
    nearest, overlap = plain
    targets, queries = vectors
    index = HNSW(links=2, build_candidates=4)
    index.build(shards)
    found = []
    for index.effort in (1, 1000):
        found.append(overlap(index.search(queries, 10)[0], nearest(queries, targets, 10)))
    assert found[0] < found[1]


def test_more_candidates_while_building_make_a_better_graph(vectors, shards, plain):
    nearest, overlap = plain
    targets, queries = vectors
    found = []
    for candidates in (1, 100):
        index = HNSW(links=4, build_candidates=candidates, candidates=10)
        index.build(shards)
        found.append(overlap(index.search(queries, 10)[0], nearest(queries, targets, 10)))
    assert found[0] < found[1]


@pytest.mark.parametrize("options", [{"links": 1}, {"build_candidates": 0}, {"candidates": 0}, {"storage": "x"}])
def test_refuses_what_is_out_of_range(options):
    with pytest.raises(ValueError, match=r"need|must be"):
        HNSW(**options)
