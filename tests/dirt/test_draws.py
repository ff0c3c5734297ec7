"""Lots: the same for the same names, others for others."""

import pytest

from xret.dirt.draws import Draws


def test_names_and_seed_alone_decide():
    first = Draws(3).of("html", "row 1")
    Draws(3).of("html", "row 0").random()
    assert first.random() == Draws(3).of("html", "row 1").random()
    values = {Draws(3).of("html", "row 1").random(), Draws(4).of("html", "row 1").random()}
    values |= {Draws(3).of("html", "row 2").random(), Draws(3).of("symbols", "row 1").random()}
    assert len(values) == 4


def test_names_are_not_run_together():
    assert Draws().of("a", "bc").random() != Draws().of("ab", "c").random()


def test_both_pools_make_the_same_rows_dirty():
    assert Draws(0, "seen").of("html", "row").random() == Draws(0, "unseen").of("html", "row").random()


@pytest.mark.parametrize(
    ("arguments", "message"), [({"seed": -1}, "must not be negative"), ({"pool": "sen"}, "seen or unseen, got 'sen'")]
)
def test_rejects_other_arguments(arguments, message):
    with pytest.raises(ValueError, match=message):
        Draws(**arguments)
