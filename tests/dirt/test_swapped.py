"""Swapped partners: whose, how many, and what a new row changes."""

import math
import random

import pytest

from xret.dirt.draws import Draws
from xret.dirt.swapped import Swapped

ROWS = [f"row {i}" for i in range(800)]


@pytest.mark.parametrize("share", [0.1, 0.4, 1.0])
@pytest.mark.parametrize("seed", range(4))
def test_a_permutation_that_gives_nobody_a_partner_of_his_group(share, seed):
    groups = [f"group {i // 5}" for i in range(len(ROWS))]
    given = Swapped(share)(ROWS, groups, Draws(seed))
    assert set(given) == set(given.values())
    of = dict(zip(ROWS, groups, strict=True))
    assert all(of[row] != of[other] for row, other in given.items())
    assert abs(len(given) - share * len(ROWS)) <= 5 * math.sqrt(len(ROWS) * share * (1 - share))


def test_the_order_of_rows_has_no_say():
    mixed = random.Random(0).sample(ROWS, len(ROWS))
    assert Swapped(0.3)(mixed, mixed, Draws()) == Swapped(0.3)(ROWS, ROWS, Draws())


def test_a_new_row_changes_its_neighbour_alone():
    before = Swapped(0.5)(ROWS[:-1], ROWS[:-1], Draws())
    for last in ("x", "y", "z", "v", "w"):
        after = Swapped(0.5)([*ROWS[:-1], last], [*ROWS[:-1], last], Draws())
        assert sum(before[row] != after[row] for row in before) == (last in after)


def test_both_pools_swap_the_same_pairs_and_seeds_do_not():
    groups = ROWS
    assert Swapped()(ROWS, groups, Draws(0, "seen")) == Swapped()(ROWS, groups, Draws(0, "unseen"))
    assert Swapped()(ROWS, groups, Draws(0)) != Swapped()(ROWS, groups, Draws(1))


@pytest.mark.parametrize("groups", ["aaaaaab", "aaabbb", "aabbc", "aaaa", "a", ""])
def test_pairs_of_a_group_with_more_than_half_stay_in_part(groups):
    rows = [f"{i}" for i in range(len(groups))]
    for seed in range(30):
        given = Swapped(1.0)(rows, list(groups), Draws(seed))
        assert set(given) == set(given.values())
        assert all(groups[int(row)] != groups[int(other)] for row, other in given.items())
        largest = max((groups.count(g) for g in groups), default=0)
        assert len(given) == len(groups) - max(0, 2 * largest - len(groups))


def test_rejects_a_share_outside_its_range():
    with pytest.raises(ValueError, match="share must be in"):
        Swapped(2.0)
