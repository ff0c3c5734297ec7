"""Leaks: copies across splits are told, with what their captions say."""

import numpy as np
import pytest

from xret.clean.pairs import Pairs
from xret.clean.pairs._copies import Copy
from xret.clean.pairs.leaks import Leaks


def data(rows, **more):
    """Rows of (id, group, split, caption, picture)."""
    ids, groups, splits, captions, pictures = zip(*rows, strict=True)
    return Pairs(ids, groups, splits, captions, np.array(pictures), **more)


def test_a_copy_in_another_split_under_another_group_is_a_leak():
    rows = [("a", "1", "train", "a dog", 0), ("b", "2", "test", "a brown dog", 1), ("c", "3", "train", "a cat", 2)]
    (finding,) = Leaks(12.0).across(data(rows), [Copy(0, 1, 6.0, False)])
    assert finding.rows == ("b", "a")
    assert finding.reason == "copy in test and train"
    assert finding.drop == ()
    assert finding.evidence == pytest.approx(1 - 6 / 24)


def test_one_group_or_one_split_is_no_leak():
    rows = [("a", "1", "train", "x", 0), ("b", "1", "test", "x", 1), ("c", "2", "train", "x", 2)]
    assert Leaks().across(data(rows), [Copy(0, 1, 0.0, False)]) == []
    assert Leaks().across(data(rows), [Copy(0, 2, 3.0, False)]) == []


@pytest.mark.parametrize(
    ("one", "other", "mirrored", "evidence"),
    [
        ("left arrow", "right arrow", True, 0.5),
        ("A dog.", "a dog", True, 1.0),
        ("new moon", "black circle", False, 0.5),
        ("new moon", "full moon", False, 1.0),
        ("新月", "黑圆", False, 0.5),
        ("新月", "满月", False, 1.0),
    ],
)
def test_a_caption_that_names_another_thing_halves_the_evidence(one, other, mirrored, evidence):
    rows = [("a", "1", "train", one, 0), ("b", "2", "val", other, 1)]
    (finding,) = Leaks().across(data(rows), [Copy(0, 1, 0.01, mirrored)])
    assert finding.evidence == pytest.approx(evidence, abs=0.01)
    assert ("equal captions" in finding.reason) == (evidence == 1.0 and mirrored)


def test_dropping_leaves_out_what_trains_and_keeps_the_test():
    rows = [("a", "1", "val", "x", 0), ("b", "2", "test", "x", 1), ("c", "3", "train", "x", 2)]
    found = [Copy(0, 1, 1.0, False), Copy(0, 2, 1.0, False)]
    assert {f.drop for f in Leaks(drop=True).across(data(rows), found)} == {("a",), ("c",)}


def test_equal_pictures_leak_through_the_first_of_them():
    rows = [("a", "1", "train", "x", 0), ("b", "1", "train", "x", 1), ("c", "2", "test", "x", 2)]
    found = [Copy(0, 1, 0.0, False), Copy(1, 2, 4.0, False)]
    assert [f.rows for f in Leaks().across(data(rows), found)] == [("c", "a")]


def test_a_thousand_rows_with_one_picture_give_one_leak_for_each_that_is_held_out():
    rows = [(f"{i}", f"{i}", "train" if i < 900 else "test", "no picture", i) for i in range(1000)]
    found = [Copy(0, i, 0.0, False) for i in range(1, 1000)]
    assert len(Leaks().across(data(rows), found)) == 100


def test_planted_copies_are_found_from_the_pictures(planted):
    rows = [(f"{i}", f"{i}", "train" if i < 60 else "test", "a drawing", i) for i in range(120)]
    findings = Leaks()(data(rows, thumbnails=lambda: [planted]))
    assert {f.rows for f in findings} == {(f"{60 + i}", f"{i}") for i in range(60)}


@pytest.mark.parametrize("most", [0, 255])
def test_refuses_what_makes_no_sense(most):
    with pytest.raises(ValueError, match="most"):
        Leaks(most=most)
