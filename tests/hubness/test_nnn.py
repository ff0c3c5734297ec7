"""NNN, against a loop over targets and a matrix of corrected scores."""

import numpy as np
import pytest

from xret.hubness.nnn import NNN


def units(rng, count, width=6):
    rows = rng.standard_normal((count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def test_a_share_of_the_mean_of_the_nearest_queries_is_taken_off_each_target():
    rng = np.random.default_rng(0)
    bank, targets, queries = units(rng, 30), units(rng, 2100), units(rng, 4)
    bias = NNN(weight=0.6, neighbours=5)(bank, targets)
    slow = [0.6 * np.mean(sorted((b @ t for b in bank), reverse=True)[:5]) for t in targets]
    np.testing.assert_allclose(bias.values, slow, atol=1e-6)
    asked, ranked = bias.widened(queries, targets)
    np.testing.assert_allclose(asked @ ranked.T, queries @ targets.T - np.array(slow), atol=1e-5)


def test_a_bank_smaller_than_the_neighbours_is_taken_whole():
    rng = np.random.default_rng(1)
    bank, targets = units(rng, 3), units(rng, 7)
    np.testing.assert_allclose(NNN(1.0, 16)(bank, targets).values, (targets @ bank.T).mean(axis=1), atol=1e-6)


def test_a_hub_is_found_less_often():
    rng = np.random.default_rng(2)
    middle = np.ones(6, np.float32) / np.sqrt(6)
    bank, queries = (units(np.random.default_rng(s), 200) + 2 * middle for s in (3, 4))
    bank, queries = (rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (bank, queries))
    targets = np.vstack([middle, units(rng, 50)])
    asked, ranked = NNN(1.0, 16)(bank, targets).widened(queries, targets)
    plain, after = (np.argmax(q @ t.T, axis=1) for q, t in ((queries, targets), (asked, ranked)))
    assert (after == 0).sum() < (plain == 0).sum() / 2


@pytest.mark.parametrize("changes", [{"weight": 0}, {"neighbours": 0}])
def test_what_is_out_of_range_is_refused(changes):
    with pytest.raises(ValueError, match="weight > 0 and neighbours > 0"):
        NNN(**changes)


@pytest.mark.parametrize(("bank", "targets"), [((0, 6), (3, 6)), ((2, 5), (3, 6)), ((6,), (3, 6))])
def test_banks_that_do_not_fit_are_refused(bank, targets):
    with pytest.raises(ValueError, match="bank and targets must be"):
        NNN()(np.ones(bank, np.float32), np.ones(targets, np.float32))
