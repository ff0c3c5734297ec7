"""Chance levels, against rankings really drawn at random and against every order there is."""

import itertools

import numpy as np
import pytest

from xret.metric.chance import chance_level
from xret.metric.retrieval import MEANS, per_query


def relevance_of(counts, gains=None):
    offsets = np.concatenate(([0], np.cumsum(counts)))
    columns = np.concatenate([np.arange(count) for count in counts])
    return offsets, columns, np.ones(len(columns), dtype=np.float32) if gains is None else np.array(gains, np.float32)


@pytest.mark.parametrize(
    ("targets", "counts", "gains"), [(5, [2], [3, 1]), (6, [3], [1, 1, 2]), (4, [4], None), (1, [1], None)]
)
def test_equals_the_mean_over_all_orders(targets, counts, gains):
    relevance = relevance_of(counts, gains)
    orders = [np.array(order)[: counts[0]] + 1 for order in itertools.permutations(range(targets))]
    level = chance_level(relevance, targets)
    for name in MEANS:
        mean = np.mean([per_query(ranks, relevance)[name][0] for ranks in orders])
        assert level[name] == pytest.approx(mean, abs=1e-6), name
    best = [ranks.min() for ranks in orders]
    assert level["median_rank"] == np.quantile(best, 0.5, method="inverted_cdf")


def test_equals_a_simulation_over_queries_with_different_numbers_of_answers():
    rng = np.random.default_rng(0)
    counts, targets = [1, 5, 5, 40], 200
    relevance = relevance_of(counts, rng.integers(1, 4, sum(counts)))
    drawn = []
    for _ in range(3000):
        ranks = np.concatenate([rng.permutation(targets)[:count] + 1 for count in counts])
        drawn.append([values.mean() for values in per_query(ranks, relevance).values()])
    mean, error = np.mean(drawn, axis=0), np.std(drawn, axis=0) / np.sqrt(len(drawn))
    level = chance_level(relevance, targets)
    for name, expected, spread in zip(MEANS, mean, error, strict=True):
        assert abs(level[name] - expected) < 4.5 * spread + 1e-9, name


def test_one_answer_each_is_k_of_t():
    level = chance_level(relevance_of([1] * 7), 1000)
    assert level["recall_at_10"] == pytest.approx(0.01)
    assert level["mean_rank"] == pytest.approx(500.5)
    expected = sum(1 / k for k in range(1, 1001)) / 1000
    assert (level["mrr"], level["map"]) == (pytest.approx(expected), pytest.approx(expected))
    assert level["median_rank"] in (500, 501)
