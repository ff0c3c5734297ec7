"""Vectors in clusters, and what is near what by plain NumPy."""

import numpy as np
import pytest

CLUSTERS, DIM = 40, 32


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def around(centres, count, rng, spread=0.5):
    noise = rng.standard_normal((count, centres.shape[1]))
    return unit(centres[rng.integers(len(centres), size=count)] + spread * noise)


@pytest.fixture(scope="session")
def vectors():
    """2,000 unit vectors of 32 numbers in 40 clusters, and 50 queries from the same."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((CLUSTERS, DIM))
    return around(centres, 2000, rng), around(centres, 50, rng)


@pytest.fixture(scope="session")
def shards(vectors):
    """The vectors in three shards of unequal length."""
    return [vectors[0][:700], vectors[0][700:1900], vectors[0][1900:]]


def nearest(queries, targets, k, allowed=None):
    """Positions of the k best by a full sort, equal scores by position; -1 where there are fewer."""
    scores = queries.astype(np.float64) @ targets.T.astype(np.float64)
    if allowed is not None:
        scores[:, ~allowed] = -np.inf
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    kept = np.isfinite(np.take_along_axis(scores, order, 1))
    return np.where(kept, order, -1)


def overlap(found, truth):
    """Share of the true positions that were found."""
    return np.mean([len(set(a) & set(b)) / len(b) for a, b in zip(found.tolist(), truth.tolist(), strict=True)])


@pytest.fixture(scope="session")
def plain():
    """The two functions that tests compare with."""
    return nearest, overlap


@pytest.fixture
def holds_the_contract(vectors, shards, plain, tmp_path):
    """Check an index of any kind against plain NumPy; ``recall`` is what it must reach at 10."""
    targets, queries = vectors

    def check(make, recall):
        index = make()
        index.build(shards)
        truth = nearest(queries, targets, 10)
        found, scores = index.search(queries, 10)
        assert found.dtype == np.int64
        assert scores.dtype == np.float32
        assert overlap(found, truth) >= recall
        assert (np.diff(scores, axis=1) <= 1e-6).all(), "best first"
        one = np.concatenate([index.search(query[None], 10)[0] for query in queries])
        assert overlap(one, truth) >= recall
        assert abs(overlap(one, truth) - overlap(found, truth)) < 0.02, "a query is answered as it would be alone"
        _only_allowed(index, recall)
        _same_after_a_round_trip(index, make)
        _removed_and_added(index, make, recall)

    def _only_allowed(index, recall):
        allowed = np.random.default_rng(1).random(len(targets)) < 0.02
        count = int(allowed.sum())
        found, scores = index.search(queries, count + 5, allowed)
        assert (found[:, count:] == -1).all(), "there are no more answers than allowed targets"
        assert np.isneginf(scores[:, count:]).all()
        assert (np.sort(found[:, :count], axis=1) == np.flatnonzero(allowed)).all(), "each of them once"
        found, _ = index.search(queries, 5, allowed)
        assert overlap(found, nearest(queries, targets, 5, allowed)) >= recall
        found, scores = index.search(queries, 3, np.zeros(len(targets), bool))
        assert (found == -1).all()
        assert np.isneginf(scores).all()

    def _same_after_a_round_trip(index, make):
        folder = tmp_path / "first"
        folder.mkdir()
        index.save(folder)
        again = make()
        again.load(folder)
        for one, other in zip(index.search(queries, 10), again.search(queries, 10), strict=True):
            assert np.array_equal(one, other)

    def _removed_and_added(index, make, recall):
        gone = np.unique(nearest(queries, targets, 3)[:, 1])
        index.remove(gone)
        left = np.delete(targets, gone, axis=0)
        assert overlap(index.search(queries, 10)[0], nearest(queries, left, 10)) >= recall
        more = unit(queries + 0.01 * np.random.default_rng(2).standard_normal(queries.shape))
        index.add([more[:20], more[20:]])
        index.remove(np.array([0]))
        left = np.concatenate([left[1:], more])
        found, _ = index.search(queries, 1)
        assert np.mean(found[:, 0] == len(left) - len(more) + np.arange(len(more))) >= recall, "added ones are nearest"
        folder = tmp_path / "second"
        folder.mkdir()
        index.save(folder)
        again = make()
        again.load(folder)
        found, _ = again.search(queries, 10)
        assert overlap(found, nearest(queries, left, 10)) >= recall
        with pytest.raises(ValueError, match="one entry for each"):
            again.search(queries, 1, np.ones(len(left) + 1, bool))

    return check
