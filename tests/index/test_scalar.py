"""Fewer bits a number."""

import pytest

from xret.index.scalar import Scalar


def test_holds_the_contract(holds_the_contract):
    holds_the_contract(Scalar, recall=0.95)


@pytest.mark.parametrize(("storage", "factor"), [("float16", 2), ("int8", 4)])
def test_takes_a_part_of_the_memory(vectors, shards, tmp_path, storage, factor):
    index = Scalar(storage)
    index.build(shards)
    index.save(tmp_path)
    assert (tmp_path / "index.faiss").stat().st_size == pytest.approx(vectors[0].nbytes / factor, rel=0.02)


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match="storage"):
        Scalar("int4")
