"""Splits by group."""

import hashlib
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xret.data.manifest import Manifest, Row
from xret.data.split import assign, check_fractions, first_groups, fold, split_digest, split_of

SHARES = (0.7, 0.1, 0.2)


def rows(groups, splits=None):
    splits = splits or [None] * len(groups)
    return tuple(Row(str(i), g, {"text": str(i)}, split=s) for i, (g, s) in enumerate(zip(groups, splits, strict=True)))


def splits_of(manifest):
    return [row.split for row in manifest.rows]


def test_split_follows_the_hash_of_salt_and_group():
    for group in map(str, range(200)):
        place = int(hashlib.sha1(f"salt{group}".encode()).hexdigest()[:16], 16) / 16**16
        assert split_of(group, "salt", SHARES) == ("train" if place < 0.7 else "val" if place < 0.8 else "test")


def test_shares_come_out_as_asked():
    found = [split_of(str(i), "x", SHARES) for i in range(20_000)]
    for name, share in zip(("train", "val", "test"), SHARES, strict=True):
        assert found.count(name) / len(found) == pytest.approx(share, abs=0.01)


@given(st.sets(st.text(), min_size=1), st.data())
def test_other_groups_never_move_a_group(groups, data):
    some = data.draw(st.sets(st.sampled_from(sorted(groups))))
    whole = {r.group: r.split for r in assign(Manifest("m", rows(sorted(groups))), "s", SHARES).rows}
    part = {r.group: r.split for r in assign(Manifest("m", rows(sorted(some))), "s", SHARES).rows}
    assert part == {g: whole[g] for g in some}


def test_rows_of_a_group_share_their_split_and_another_salt_gives_another_division():
    groups = [str(i // 5) for i in range(500)]
    one, two = (splits_of(assign(Manifest("m", rows(groups)), salt, SHARES)) for salt in "ab")
    assert all(len(set(one[i : i + 5])) == 1 for i in range(0, 500, 5))
    assert one != two


def test_given_splits_stand_and_rows_without_one_are_rejected():
    manifest = assign(Manifest("m", rows("abc", ["test", None, "train"])), "s", SHARES)
    assert [(r.id, r.split) for r in manifest.rows] == [("0", "test"), ("2", "train")]
    assert [(r.row, r.reason) for r in manifest.rejected] == [("1", "value")]


def test_a_group_in_two_splits_is_reported(caplog):
    with caplog.at_level(logging.WARNING):
        assign(Manifest("m", rows("aabb", ["train", "test", "val", "val"])), "s", SHARES)
    assert "1 groups stand in more than one split ('a'" in caplog.text


def test_digest_changes_with_a_split_and_not_with_the_order():
    one = Manifest("m", rows("ab", ["train", "test"]))
    assert split_digest(one) == split_digest(Manifest("m", one.rows[::-1]))
    assert split_digest(one) != split_digest(Manifest("m", rows("ab", ["train", "val"])))


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_shares_that_are_none_are_refused(fractions):
    with pytest.raises(ValueError, match="adding up to 1"):
        check_fractions(fractions)


def test_folds_share_out_the_groups_of_train_and_val_once_each():
    names = [f"g{i // 2}" for i in range(60)]
    manifest = Manifest("m", rows(names, ["train"] * 40 + ["val"] * 10 + ["test"] * 10))
    held = []
    for number in range(4):
        part = fold(manifest, number, 4)
        assert splits_of(part)[50:] == ["test"] * 10
        chosen = {row.group for row in part.rows if row.split == "val"}
        assert all(row.split == "train" for row in part.rows[:50] if row.group not in chosen)
        held.append(chosen)
    assert sorted(g for chosen in held for g in chosen) == sorted(set(names[:50]))
    assert {len(chosen) for chosen in held} == {6, 7}
    for wrong in ((4, 4), (-1, 4), (0, 1)):
        with pytest.raises(ValueError, match="need 0"):
            fold(manifest, *wrong)


def test_first_groups_come_whole_and_from_every_split():
    names = [f"g{i // 2}" for i in range(20)]
    manifest = first_groups(Manifest("m", rows(names, ["train"] * 10 + ["val"] * 6 + ["test"] * 4)), 2)
    assert [row.group for row in manifest.rows] == [
        "g0",
        "g0",
        "g1",
        "g1",
        "g5",
        "g5",
        "g6",
        "g6",
        "g8",
        "g8",
        "g9",
        "g9",
    ]
    with pytest.raises(ValueError, match="at least one"):
        first_groups(manifest, 0)
