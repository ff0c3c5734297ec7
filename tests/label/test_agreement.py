"""Agreement against tables that were worked out by hand."""

import pytest

from xret.label.agreement import Agreement, agreement


def test_kappa_of_a_worked_example():
    # 20 yes/yes, 5 yes/no, 10 no/yes, 15 no/no: equal 0.7, chance 0.5 * 0.6 + 0.5 * 0.4 = 0.5, kappa 0.4
    first = ["yes"] * 25 + ["no"] * 25
    second = ["yes"] * 20 + ["no"] * 5 + ["yes"] * 10 + ["no"] * 15
    found = agreement(first, second)
    assert (found.rows, found.equal) == (50, 0.7)
    assert found.kappa == pytest.approx(0.4)


def test_rows_that_one_leaves_out_do_not_count():
    found = agreement(["red", None, "red", "", "blue"], ["red", "red", None, "blue", "red"])
    assert (found.rows, found.equal) == (2, 0.5)
    assert found.kappa == pytest.approx(0.0)


def test_without_rows_or_with_one_label_there_is_no_kappa():
    assert agreement([None, "red"], ["red", None]) == Agreement(0, None, None)
    assert agreement(["red", "red"], ["red", "red"]) == Agreement(2, 1.0, None)


def test_sources_that_never_agree_are_worse_than_chance():
    assert agreement(["red", "blue"], ["blue", "red"]).kappa == pytest.approx(-1.0)
