"""Moment matching: the target's features end with the source's mean and spread."""

import numpy as np
import pytest

from xret.adaptation.moments import matched


def test_the_target_gets_the_sources_moments():
    rng = np.random.default_rng(0)
    source = rng.normal([1, -2, 5], [1, 3, 0.5], (400, 3)).astype(np.float32)
    target = rng.normal([10, 0, 0], [2, 0.1, 4], (300, 3)).astype(np.float32)
    moved = matched(target, source, target)
    assert moved.dtype == np.float32
    assert np.allclose(moved.mean(axis=0), source.mean(axis=0), atol=0.02)
    assert np.allclose(moved.std(axis=0), source.std(axis=0), rtol=0.05)


def test_moments_come_from_the_items_that_are_given_for_it():
    source, target = np.float32([[0.0], [2.0]]), np.float32([[10.0], [14.0]])
    assert matched(np.float32([[12.0], [16.0]]), source, target) == pytest.approx(np.float32([[1.0], [3.0]]), rel=0.01)


def test_a_feature_that_does_not_vary_in_the_target_stays_finite():
    source, target = np.float32([[0, 1], [2, 5]]), np.float32([[3, 1], [3, 2]])
    moved = matched(target, source, target)
    assert np.isfinite(moved).all()
    assert moved[:, 0].tolist() == [1, 1]


@pytest.mark.parametrize("shapes", [((1, 2), (5, 2)), ((5, 2), (1, 2)), ((5, 2), (5, 3))])
def test_too_few_items_or_other_widths_are_refused(shapes):
    source, target = (np.zeros(shape, np.float32) for shape in shapes)
    with pytest.raises(ValueError, match="two or more items"):
        matched(np.zeros((3, 2), np.float32), source, target)
