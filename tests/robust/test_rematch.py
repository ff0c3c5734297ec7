"""Rematching: weights by a known null, and a plan that gives away what is left."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from xret.robust.rematch import Rematch

ROWS, FALSE = 300, 120


def scores_of(seed, separation=3.0):
    """Return scores (N, N) where rows below ``FALSE`` hold each other's text, in a ring, and whose text row i fits."""
    rng = np.random.default_rng(seed)
    fits = np.arange(ROWS)
    fits[:FALSE] = np.roll(fits[:FALSE], 1)
    scores = rng.normal(0, 0.1, (ROWS, ROWS))
    scores[np.arange(ROWS), fits] += separation * 0.1
    return scores, fits


def match(scores, groups=None, seed=0, **arguments):
    groups = np.arange(len(scores)) if groups is None else groups
    return Rematch(len(scores), **arguments).match(scores, groups, np.random.default_rng(seed))


def test_false_pairs_weigh_little_and_their_halves_find_their_partners():
    scores, fits = scores_of(0, separation=8.0)
    weight, plan = match(scores)
    assert weight[FALSE:].min() > 0.95
    assert (weight[:FALSE] > 0.05).sum() <= 2, "of 120 false pairs hardly one stands above those that were drawn"
    assert (plan.argmax(axis=1)[:FALSE] == fits[:FALSE]).mean() > 0.97
    assert (plan[np.arange(FALSE), fits[:FALSE]] > 0.9).mean() > 0.95


@pytest.mark.parametrize(("separation", "error"), [(1.5, 0.13), (3.0, 0.05), (5.0, 0.05)])
def test_weights_are_probabilities(separation, error):
    """Where true pairs reach below the median of the false ones, these are taken for more than they are."""
    weights = [match(scores_of(seed, separation)[0])[0] for seed in range(8)]
    weight, right = np.concatenate(weights), np.tile(np.arange(ROWS) >= FALSE, 8)
    assert right.mean() - error < weight.mean() < right.mean() + 0.01
    for low, high in ((0.0, 0.3), (0.3, 0.7), (0.7, 1.01)):
        inside = (weight >= low) & (weight < high)
        assert right[inside].mean() == pytest.approx(weight[inside].mean(), abs=error)


def test_the_weight_is_that_of_another_isotonic_regression():
    scores, _ = scores_of(1)
    rivals = ~np.eye(ROWS, dtype=bool)
    best = [np.sort(np.where(rivals, scores, -1), axis=axis) for axis in (1, 0)]
    standing = 2 * scores - best[0][:, -10:].mean(axis=1)[:, None] - best[1][-10:].mean(axis=0)
    own, across = standing.diagonal(), np.random.default_rng(0).choice(standing[rivals], 20_000, replace=False)
    counts = np.repeat([1 / ROWS, 1 / 20_000], [ROWS, 20_000])
    fit = IsotonicRegression().fit(np.r_[own, across], np.repeat([1, 0], [ROWS, 20_000]), sample_weight=counts)
    share, false = fit.predict(own), min(1, 2 * (own < np.median(across)).mean())
    np.testing.assert_allclose(match(scores)[0], np.clip(1 - false * (1 - share) / share.clip(1e-9), 0, 1), atol=1e-9)


def test_rows_and_columns_of_the_plan_sum_to_what_the_weights_leave():
    weight, plan = match(scores_of(2)[0])
    np.testing.assert_allclose(plan.sum(axis=0), 1 - weight, atol=1e-6)
    np.testing.assert_allclose(plan.sum(axis=1), 1 - weight, atol=0.05)
    assert not plan.diagonal().any()


def test_rows_of_one_group_are_no_rivals_and_are_not_matched():
    scores, _ = scores_of(3)
    groups = np.arange(ROWS) // 2
    plan = match(scores, groups)[1]
    assert not plan[groups[:, None] == groups].any()
    assert match(scores, np.zeros(ROWS))[0].tolist() == [1.0] * ROWS


def test_a_sharper_plan_is_nearer_to_one_partner_each():
    scores, fits = scores_of(4)
    right = [match(scores, sharpness=s)[1][np.arange(FALSE), fits[:FALSE]].sum() for s in (0.2, 1.0, 3.0)]
    assert right == sorted(right)
    assert right[2] > 2 * right[0]


def test_pairs_that_no_model_can_tell_from_false_ones_are_not_believed_and_nothing_breaks():
    weight, plan = match(np.random.default_rng(0).normal(size=(ROWS, ROWS)))
    assert weight.mean() < 0.3
    assert np.isfinite(plan).all()
    weight, plan = match(np.zeros((20, 20)))
    assert np.isfinite(weight).all()
    assert np.isfinite(plan).all()


def test_clean_pairs_are_believed():
    scores = np.random.default_rng(0).normal(0, 0.1, (ROWS, ROWS)) + 0.4 * np.eye(ROWS)
    assert match(scores)[0].mean() > 0.97


@pytest.mark.parametrize("arguments", [{"sharpness": 0.0}, {"start_repeats": 0}, {"start_strength": -1.0}])
def test_rejects_arguments_outside_their_range(arguments):
    with pytest.raises(ValueError, match=next(iter(arguments))):
        Rematch(3, **arguments)
