"""The same contract on Qdrant, without a server."""

import numpy as np
import pytest

pytest.importorskip("qdrant_client")

from xret._errors import UserError
from xret.index.qdrant import Qdrant


@pytest.fixture(scope="module")
def vectors(vectors):
    """Fewer of them: without a server every point is a Python object."""
    return vectors[0][:200], vectors[1][:25]


@pytest.fixture(scope="module")
def shards(vectors):
    return [vectors[0][:60], vectors[0][60:]]


@pytest.fixture
def make():
    """Make indices of one store in memory, as processes share a server."""
    first = Qdrant(path=":memory:")

    def new(**options):
        index = Qdrant(path=":memory:", **options)
        index._client = first.client
        return index

    yield new
    first.close()


def test_holds_the_contract(holds_the_contract, make):
    holds_the_contract(make, recall=0.999)


def test_an_older_version_does_not_see_what_came_later(vectors, shards, make, tmp_path):
    targets, queries = vectors
    index = make()
    index.build(shards)
    index.save(tmp_path)
    before = index.search(queries, 5)[0]
    index.add([queries])
    assert (index.search(queries, 1)[0] >= len(targets)).all()
    old = make()
    old.load(tmp_path)
    assert (old.search(queries, 5)[0] == before).all()


def test_an_addition_that_was_stopped_is_written_over(vectors, shards, make, tmp_path):
    targets, queries = vectors
    index = make()
    index.build(shards)
    index.save(tmp_path)
    index.add([-queries[:20]])  # and then it is killed
    again = make()
    again.load(tmp_path)
    again.add([queries[:20]])
    assert (again.search(queries[:20], 1)[0][:, 0] == len(targets) + np.arange(20)).all()


def test_a_collection_of_another_index_is_left_alone(shards, make):
    make(collection="mine").build(shards)
    with pytest.raises(UserError, match="exists already"):
        make(collection="mine").build(shards)


def test_a_lost_collection_is_an_error(shards, make, tmp_path):
    index = make()
    index.build(shards)
    index.save(tmp_path)
    index.client.delete_collection(index.collection)
    with pytest.raises(UserError, match="lacks 200 points"):
        index.load(tmp_path)


def test_no_server_is_an_error_of_one_line(shards):
    with pytest.raises(UserError, match=r"Qdrant at http://127\.0\.0\.1:9"):
        Qdrant(url="http://127.0.0.1:9", timeout_s=1).build(shards)


def test_refuses_what_is_out_of_range():
    with pytest.raises(ValueError, match="at least 1"):
        Qdrant(candidates=0)
