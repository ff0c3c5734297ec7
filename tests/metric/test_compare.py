"""The statistics of a comparison: against formulas, oracles and simulation."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from xret.metric.compare import Block, Sample, difference, draw, holm, mean
from xret.metric.interval import replicate_means

spec = importlib.util.spec_from_file_location("bench", Path(__file__).parents[2] / "experiments/bench_compare.py")
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)


def answers(seeds, queries=300, seed=0, shared=1.0, level=0.0):
    """(Q, S) of normal values: the query's own and some noise."""
    rng = np.random.default_rng([seed, seeds])
    own = np.random.default_rng(5).standard_normal((queries, 1))
    return level + shared * own + 0.3 * rng.standard_normal((queries, seeds))


def halves(estimate):
    return (estimate.high - estimate.low) / 2


def test_draws_are_those_of_the_intervals_of_an_evaluation():
    values, groups = answers(2, 60), np.arange(60) // 3
    sample = draw([Block(values, groups, fold=3)], resamples=50, seed=4)
    assert np.allclose(sample.replicates, replicate_means(values, groups, 50, seed=7))
    assert np.allclose(sample.means, values.mean(axis=0))
    assert (sample.clusters, sample.dof) == (20, 19)


def test_directions_and_folds_weigh_the_same_and_share_the_draws_of_their_groups():
    one, other = answers(1, 40), answers(1, 20, seed=1, level=2)
    sample = draw([Block(one, np.arange(40)), Block(other, np.arange(20), fold=1)], resamples=50)
    assert sample.means == pytest.approx((one.mean() + other.mean()) / 2)
    assert sample.replicates.mean() == pytest.approx(sample.means[0], abs=0.2)
    assert (sample.clusters, sample.dof) == (60, 58)
    opposite = draw([Block(one, np.arange(40)), Block(-one, np.arange(40))], resamples=50)
    assert np.allclose(opposite.replicates, 0)  # would not be zero with draws of their own


@pytest.mark.parametrize("queries", [8, 400])
def test_with_one_seed_a_difference_is_that_of_the_paired_t_test(queries):
    one, other = answers(1, queries, level=0.05), answers(1, queries, seed=1)
    both = draw([Block(np.hstack([one, other]), np.arange(queries))], resamples=20_000)
    found = difference(both.of([0]), both.of([1]))
    expected = stats.ttest_rel(one[:, 0], other[:, 0])
    assert found.value == pytest.approx((one - other).mean())
    assert found.p == pytest.approx(expected.pvalue, rel=0.1)
    low, high = expected.confidence_interval()
    assert halves(found) == pytest.approx((high - low) / 2, rel=0.03)


def test_other_queries_are_not_paired():
    one, other = answers(1, 400), answers(1, 400, seed=1)
    both = draw([Block(np.hstack([one, other]), np.arange(400))], resamples=5000)
    found = difference(both.of([0]), both.of([1]), same_queries=False)
    expected = stats.ttest_ind(one[:, 0], other[:, 0])
    assert found.p == pytest.approx(expected.pvalue, rel=0.1)


def of_seeds(*means):
    """A sample in which queries do not vary."""
    return Sample(np.array(means), np.tile(means, (10, 1)), clusters=50, dof=49)


def test_where_queries_do_not_vary_a_mean_has_the_t_interval_of_its_seeds():
    found = mean(of_seeds(0.5, 0.6, 0.9))
    low, high = stats.t.interval(0.95, 2, np.mean([0.5, 0.6, 0.9]), stats.sem([0.5, 0.6, 0.9]))
    assert (found.low, found.high) == (pytest.approx(low), pytest.approx(high))


def test_where_queries_do_not_vary_a_difference_has_the_variance_of_welch_and_the_smaller_freedom():
    one, other = [0.5, 0.6, 0.9, 0.7], [0.2, 0.3, 0.1]
    found = difference(of_seeds(*one), of_seeds(*other))
    error = np.sqrt(np.var(one, ddof=1) / 4 + np.var(other, ddof=1) / 3)
    assert halves(found) == pytest.approx(stats.t.ppf(0.975, 2) * error)
    assert found.p == pytest.approx(2 * stats.t.sf(found.value / error, 2), rel=1e-3)


def test_a_single_seed_is_taken_to_vary_as_much_as_the_others():
    found = difference(of_seeds(0.5, 0.6, 0.9), of_seeds(0.2))
    assert halves(found) == pytest.approx(
        stats.t.ppf(0.975, 2) * np.sqrt(np.var([0.5, 0.6, 0.9], ddof=1) * (1 / 3 + 1))
    )


def test_seeds_that_move_both_alike_are_compared_one_by_one():
    noise = np.array([0.1, -0.2, 0.3, 0.0, -0.1])
    one, other = 0.6 + noise + 0.001 * np.arange(5), 0.5 + noise
    paired = difference(of_seeds(*one), of_seeds(*other), same_seeds=True)
    assert paired.paired_seeds
    assert paired.p == pytest.approx(stats.ttest_rel(one, other).pvalue, abs=1e-4)
    assert not difference(of_seeds(*one), of_seeds(*other)).paired_seeds
    unlike = difference(of_seeds(*one), of_seeds(*other[::-1]), same_seeds=True)
    assert not unlike.paired_seeds
    assert unlike.p > 0.2


def test_part_of_what_queries_explain_of_the_seeds_is_not_counted_twice():
    values = answers(3, 200) + np.array([0, 0.04, 0.08])
    sample = draw([Block(values, np.arange(200))], resamples=5000)
    of_queries = sample.replicates.mean(axis=1).var() * 200 / 199
    residual = values - values.mean(axis=0) - values.mean(axis=1, keepdims=True) + values.mean()
    explained = (residual**2).sum() / (2 * 199) / 200
    of_seeds = (values.mean(axis=0).var(ddof=1) - 2 / 4 * explained) / 3
    assert of_seeds > 0
    spread = mean(sample)
    found = halves(spread) ** 2 - stats.t.ppf(0.975, 199) ** 2 * of_queries
    assert found == pytest.approx(stats.t.ppf(0.975, 2) ** 2 * of_seeds, rel=0.05)


def test_equal_models_are_not_different():
    sample = draw([Block(answers(3), np.arange(300))], resamples=100)
    found = difference(sample, sample, same_seeds=True)
    assert (found.value, found.p) == (0, 1)


def test_p_and_interval_agree():
    values = np.hstack([answers(3, level=0.2), answers(3, seed=1)])
    both = draw([Block(values, np.arange(300))])
    for level in np.linspace(0, 0.3, 30):
        moved = Sample(both.means[:3] - level, both.replicates[:, :3] - level, both.clusters, both.dof)
        found = difference(moved, both.of([3, 4, 5]))
        assert (found.p < 0.05) == (found.low > 0 or found.high < 0)


def test_holm_on_the_textbook_example():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_one_group_of_queries_says_nothing():
    with pytest.raises(ValueError, match="at least 2 groups"):
        draw([Block(answers(1, 10), np.zeros(10, int))])
    with pytest.raises(ValueError, match="at least 2 resamples"):
        draw([Block(answers(1, 10), np.arange(10))], resamples=1)


@pytest.mark.parametrize("seeds", [5, 3, 2])
@pytest.mark.parametrize("noise", [0.0, bench.QUERY_NOISE])
def test_settings_that_differ_only_by_seed_are_not_shown_to_differ(seeds, noise):
    _, silent, _ = bench.rates((seeds, seeds), noise, 0.0, 60, same_seeds=seeds == 3)
    assert silent >= 0.93  # 95 % in the long run; the benchmark repeats it often enough to tell


def test_five_points_are_found_with_five_seeds():
    better, _, _ = bench.rates((5, 5), bench.ONE_SEED, 5.0, 60, same_seeds=False)
    assert better >= 0.75
