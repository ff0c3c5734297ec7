"""Hubs: occurrences by hand, skewness against scipy."""

import numpy as np
import pytest
from scipy.stats import skew

from xret.metric.hubs import occurrences, skewness


def test_each_query_counts_its_first_k_targets_once():
    targets = np.eye(4, dtype=np.float32)
    queries = np.array([[4, 3, 2, 1], [0, 3, 4, 1]], np.float32)
    np.testing.assert_array_equal(occurrences(queries, targets, k=2), [1, 2, 1, 0])
    np.testing.assert_array_equal(occurrences(queries, targets, k=9), [2, 2, 2, 2])


def test_skewness_is_that_of_scipy_and_grows_with_a_hub():
    counts = np.random.default_rng(0).poisson(3, 200)
    assert skewness(counts) == pytest.approx(skew(counts), rel=1e-9)
    assert skewness(np.append(counts, 500)) > skewness(counts) + 1


def test_targets_that_are_all_found_as_often_have_none():
    assert skewness(np.full(7, 3)) == 0.0
