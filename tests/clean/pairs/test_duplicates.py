"""Duplicates: only what is the same in picture and caption goes."""

import numpy as np
import pytest

from xret.clean.pairs import Pairs
from xret.clean.pairs._copies import Copy
from xret.clean.pairs.duplicates import Duplicates


def data(rows, **more):
    """Rows of (id, group, split, caption, picture)."""
    ids, groups, splits, captions, pictures = zip(*rows, strict=True)
    return Pairs(ids, groups, splits, captions, np.array(pictures), **more)


def facts(findings):
    return [(f.rows, f.reason, f.drop) for f in findings]


def test_a_copy_with_the_same_caption_goes():
    rows = [("a", "1", "train", "A dog.", 0), ("b", "2", "train", "a dog", 1), ("c", "3", "train", "a cat", 2)]
    findings = Duplicates().within(data(rows), [Copy(0, 1, 3.0, False)])
    assert facts(findings) == [(("a", "b"), "copy, equal captions", ("b",))]
    assert findings[0].evidence == pytest.approx(1 - 3 / 24)
    assert Duplicates(drop=False).within(data(rows), [Copy(0, 1, 3.0, False)])[0].drop == ()


def test_a_copy_with_another_caption_or_mirrored_is_only_reported():
    rows = [("a", "1", "train", "a dog", 0), ("b", "2", "train", "a pet", 1), ("c", "3", "train", "a dog", 2)]
    found = [Copy(0, 1, 3.0, False), Copy(0, 2, 3.0, True)]
    assert facts(Duplicates().within(data(rows), found)) == [
        (("a", "b"), "copy, other captions", ()),
        (("a", "c"), "mirrored copy, equal captions", ()),
    ]


def test_five_captions_of_one_photo_are_no_finding_but_one_said_twice_is():
    rows = [(str(i), "g", "train", caption, 0) for i, caption in enumerate(["a", "b", "c", "d", "B"])]
    assert facts(Duplicates().within(data(rows), [])) == [(("1", "4"), "same picture, equal captions", ("4",))]


def test_other_splits_and_rows_without_picture_are_left_alone():
    rows = [("a", "1", "train", "x", 0), ("b", "2", "test", "x", 0), ("c", "3", "train", "x", -1)]
    assert Duplicates().within(data(rows), []) == []


def test_of_three_the_first_stays():
    rows = [(name, name, "train", "x", i) for i, name in enumerate("abc")]
    found = [Copy(0, 1, 1.0, False), Copy(1, 2, 1.0, False), Copy(0, 2, 1.0, False)]
    assert {f.drop for f in Duplicates().within(data(rows), found)} == {("b",), ("c",)}


def test_planted_copies_are_found_from_the_pictures(planted):
    rows = [(f"{i}", f"{i}", "train", f"thing {i % 60}", i) for i in range(120)]
    findings = Duplicates()(data(rows, thumbnails=lambda: [planted]))
    assert {f.rows for f in findings} == {(f"{i}", f"{60 + i}") for i in range(60)}
    assert {f.drop[0] for f in findings if f.drop} == {f"{60 + i}" for i in range(36)}  # the others are mirrored


@pytest.mark.parametrize("most", [0, 255])
def test_refuses_what_makes_no_sense(most):
    with pytest.raises(ValueError, match="most"):
        Duplicates(most=most)
