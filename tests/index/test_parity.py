"""Parity counts what is lost, and nothing else."""

import numpy as np
import pytest

from xret.index import parity
from xret.index.flat import Flat


class Answers:
    """An index that gives prepared answers, after a delay."""

    def __init__(self, found):
        self.found = np.asarray(found)

    def search(self, queries, k, allowed=None):
        found = self.found[: len(queries), :k]
        found = np.pad(found, ((0, 0), (0, k - found.shape[1])), constant_values=-1)
        return found, np.zeros(found.shape, np.float32)


def circle(*degrees):
    angles = np.deg2rad(degrees)
    return np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)


def lost(found, targets, queries, ks, own=None):
    known = parity.truth([targets], queries, max(ks), own)
    return parity.recall(parity.answers(Answers(found), known), known, [targets], ks)


def test_recall_is_the_share_of_the_nearest_that_were_found():
    targets = circle(0, 10, 20, 30, 40)
    assert lost([[0, 3]], targets, circle(1), [1, 2]) == {1: 1.0, 2: 0.5}
    assert lost([[4, 3], [0, 1]], targets, circle(1, 1), [2]) == {2: 0.5}
    assert lost([[-1, -1]], targets, circle(1), [1]) == {1: 0.0}


def test_of_equal_vectors_any_will_do():
    targets = circle(0, 0, 0, 50)
    assert lost([[2]], targets, circle(1), [1]) == {1: 1.0}
    assert lost([[3]], targets, circle(1), [1]) == {1: 0.0}


def test_a_query_that_is_a_target_does_not_count_itself():
    targets = circle(0, 10, 30, 60)
    assert lost([[0, 1]], targets, targets[:1], [1], own=np.array([0])) == {1: 1.0}
    assert lost([[0, 2]], targets, targets[:1], [1], own=np.array([0])) == {1: 0.0}
    assert lost([[1, 2]], targets, targets[:1], [1], own=np.array([0])) == {1: 1.0}, "it need not find itself"


def test_fewer_targets_than_answers_are_no_loss():
    targets = circle(0, 10)
    assert lost([[0, 1]], targets, circle(1), [5]) == {5: 1.0}


def test_truth_is_the_same_however_the_vectors_are_cut(vectors, shards, plain):
    nearest, _ = plain
    targets, queries = vectors
    cut, whole = parity.truth(shards, queries, 10), parity.truth([targets], queries, 10)
    exact = np.take_along_axis(queries @ targets.T, nearest(queries, targets, 10), 1)
    assert np.abs(cut.scores - exact).max() < 1e-6
    assert np.abs(whole.scores - exact).max() < 1e-6


def test_exact_search_loses_nothing(vectors, shards):
    index = Flat()
    index.build(shards)
    known = parity.truth(shards, vectors[1], 10)
    assert parity.recall(parity.answers(index, known), known, shards, [1, 10]) == {1: 1.0, 10: 1.0}


def test_times_and_throughput_are_of_the_searches_made(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(parity.time, "perf_counter", lambda: clock[0])

    class Slow:
        def search(self, queries, k, allowed=None):
            clock[0] += 0.01 if len(queries) == 1 else 0.05

    fast = parity.speed(Slow(), np.zeros((20, 2), np.float32), 1, batch=10, seconds=0.5)
    assert (fast.p50_ms, fast.p99_ms) == pytest.approx((10, 10))
    assert (fast.batch, fast.per_s) == (10, pytest.approx(200))


def test_ratio_is_of_the_other_to_the_first(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr(parity.time, "perf_counter", lambda: clock[0])

    class Taking:
        def __init__(self, seconds):
            self.seconds = seconds

        def search(self, queries, k, allowed=None):
            clock[0] += self.seconds

    queries = np.zeros((20, 2), np.float32)
    assert parity.times_as_fast(Taking(0.01), Taking(0.03), queries, 1, 4, 1.0) == pytest.approx(3)
