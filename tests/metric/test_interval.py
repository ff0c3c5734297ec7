"""The bootstrap, against a slow one, theory, and how often it is right."""

import numpy as np
import pytest

from xret.metric.interval import percentile_interval, replicate_means


def test_spread_of_single_queries_is_the_standard_error():
    values = np.random.default_rng(0).random((400, 2))
    replicates = replicate_means(values, np.arange(400), resamples=4000)
    assert replicates.shape == (4000, 2)
    np.testing.assert_allclose(replicates.std(axis=0), values.std(axis=0) / 20, rtol=0.06)
    np.testing.assert_allclose(replicates.mean(axis=0), values.mean(axis=0), atol=0.002)


def test_copies_in_a_group_do_not_narrow_the_interval():
    values = np.random.default_rng(1).random(100)
    alone = replicate_means(values[:, None], np.arange(100))
    copies = replicate_means(np.repeat(values, 5)[:, None], np.repeat(np.arange(100), 5))
    np.testing.assert_allclose(copies, alone)


def test_groups_of_unequal_size_are_drawn_whole():
    values = np.array([[1.0], [1.0], [1.0], [0.0]])
    replicates = replicate_means(values, np.array([7, 7, 7, -2]), resamples=200)
    assert set(replicates.ravel()) == {0.0, 0.75, 1.0}


def test_draws_depend_on_the_seed_and_not_on_the_chunks(monkeypatch):
    values = np.random.default_rng(2).random((50, 1))
    first = replicate_means(values, np.arange(50), seed=3)
    assert (first == replicate_means(values, np.arange(50), seed=3)).all()
    assert (first != replicate_means(values, np.arange(50), seed=4)).any()
    monkeypatch.setattr("xret.metric.interval.CHUNK", 170)
    np.testing.assert_allclose(replicate_means(values, np.arange(50), seed=3), first, rtol=1e-12)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    covered = 0
    for trial in range(300):
        skill = rng.random(60)  # of a group; five queries each, so single queries would cover far less
        hits = rng.random((60, 5)) < skill[:, None]
        replicates = replicate_means(hits.reshape(-1, 1), np.repeat(np.arange(60), 5), resamples=400, seed=trial)
        low, high = percentile_interval(replicates)
        covered += int(low[0] <= 0.5 <= high[0])
    assert 0.90 <= covered / 300 <= 0.99


def test_interval_holds_the_share_asked_for():
    low, high = percentile_interval(np.arange(1001.0), confidence=0.9)
    assert (low, high) == (pytest.approx(50), pytest.approx(950))


@pytest.mark.parametrize("confidence", [0, 1, 95])
def test_confidence_outside_0_to_1_is_refused(confidence):
    with pytest.raises(ValueError, match=r"confidence must be in \(0, 1\)"):
        percentile_interval(np.arange(3.0), confidence)


@pytest.mark.parametrize(("queries", "resamples"), [(0, 10), (3, 1)])
def test_too_little_to_draw_from_is_refused(queries, resamples):
    with pytest.raises(ValueError, match="at least 1 query and 2 resamples"):
        replicate_means(np.ones((queries, 1)), np.arange(queries), resamples)
