"""Swapped partners: how many, whose, and never one's own."""

import numpy as np
import pytest

from xret.noise.swap import Swap


@pytest.mark.parametrize("share", [0.2, 0.4, 1.0])
@pytest.mark.parametrize("seed", range(5))
def test_the_share_is_exact_and_nobody_keeps_a_partner_of_his_group(share, seed):
    groups = np.repeat(np.arange(30), 4)
    source = Swap(share, seed=seed)(groups)
    moved = source != np.arange(120)
    assert moved.sum() == round(share * 120)
    assert sorted(source) == list(range(120))  # a permutation: no text is lost, none appears twice
    assert (groups[source[moved]] != groups[moved]).all()
    assert set(source[moved]) == set(np.flatnonzero(moved))


def test_a_group_with_half_of_the_pairs_goes_to_the_other_half():
    groups = np.array([0] * 6 + [1, 1, 2, 2, 3, 3])
    for seed in range(20):
        source = Swap(1.0, seed=seed)(groups)
        assert (groups[source] != groups).all()


def test_the_seed_alone_decides():
    groups = np.arange(200)
    np.random.seed(1)
    first = Swap(0.5, seed=3)(groups)
    np.random.seed(2)
    assert (Swap(0.5, seed=3)(groups) == first).all()
    assert (Swap(0.5, seed=4)(groups) != first).any()


def test_partners_are_spread_over_groups_and_not_shifted_by_a_constant():
    source = Swap(1.0)(np.arange(1000))
    assert len(np.unique((source - np.arange(1000)) % 1000)) > 500


@pytest.mark.parametrize(("share", "groups"), [(0.1, range(10)), (1.0, [0, 0, 0, 1, 2]), (1.0, []), (1.0, [5, 5])])
def test_refuses_what_cannot_be_swapped(share, groups):
    with pytest.raises(ValueError, match=r"at least two pairs, at most half of them of one group.*noise\.share"):
        Swap(share)(np.array(groups, dtype=np.int64))


@pytest.mark.parametrize(("arguments", "message"), [({"share": 0.0}, "share must be in"), ({"seed": -1}, "negative")])
def test_rejects_arguments_outside_their_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Swap(**arguments)
