"""Short codes find candidates, and the refinement puts them right."""

import numpy as np
import pytest

from xret._errors import UserError
from xret.index.pq import PQ


def test_holds_the_contract(holds_the_contract):
    holds_the_contract(PQ, recall=0.95)


def test_holds_the_contract_after_a_turn(holds_the_contract):
    holds_the_contract(lambda: PQ(transform="opq"), recall=0.95)


def test_without_refinement_much_is_lost_and_little_is_stored(vectors, shards, plain, tmp_path):
    nearest, overlap = plain
    targets, queries = vectors
    index = PQ(refine=0)
    index.build(shards)
    assert 0.1 < overlap(index.search(queries, 10)[0], nearest(queries, targets, 10)) < 0.9
    index.save(tmp_path)
    assert (tmp_path / "index.faiss").stat().st_size < targets.nbytes / 8


def test_the_allowed_are_found_where_all_others_are_nearer(vectors, shards):
    targets, queries = vectors
    index = PQ()
    index.build(shards)
    allowed = np.zeros(len(targets), bool)
    allowed[np.argsort(targets @ queries[0])[:40]] = True
    found, _ = index.search(queries[:1], 10, allowed)
    assert (found >= 0).all()
    assert allowed[found].all()


def test_a_file_that_claims_more_vectors_than_it_can_hold_is_refused(shards, tmp_path):
    index = PQ(refine=0)
    index.build(shards)
    index.save(tmp_path)
    raw = bytearray((tmp_path / "index.faiss").read_bytes())
    place = raw.index((2000).to_bytes(8, "little"))
    raw[place : place + 8] = (10**15).to_bytes(8, "little")
    (tmp_path / "index.faiss").write_bytes(raw)
    with pytest.raises(UserError, match="build it again"):
        PQ(refine=0).load(tmp_path)


@pytest.mark.parametrize("dim", [30, 31])
def test_any_length_can_be_cut(vectors, shards, dim):
    index = PQ(transform="pca", transform_dim=dim)
    index.build(shards)
    assert index.search(vectors[1], 5)[0].shape == (50, 5)


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match="width"):
        PQ(width=0)
