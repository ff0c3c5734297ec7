"""What a media reference may name."""

import os

import pytest

from xret._errors import UserError
from xret.data.faults import MediaRoot, RowError, clean_text, settle
from xret.data.manifest import Manifest, Rejected, Row

ROW = Row("1", "g", {"text": "a"}, split="train")


@pytest.fixture
def root(tmp_path):
    (tmp_path / "in/sub").mkdir(parents=True)
    (tmp_path / "inside").mkdir()  # its name begins like the root's
    for name in ("in/a.jpg", "in/sub/b.jpg", "secret.jpg", "inside/c.jpg"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "in/file_link.jpg").symlink_to(tmp_path / "secret.jpg")
    (tmp_path / "in/dir_link").symlink_to(tmp_path / "inside")
    (tmp_path / "in/good_link.jpg").symlink_to("a.jpg")
    (tmp_path / "in/dangling.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(tmp_path / "in/pipe.jpg")
    return tmp_path / "in"


@pytest.mark.parametrize(
    ("ref", "reason"),
    [
        ("", "empty"),
        ("  ", "empty"),
        ("none.jpg", "missing"),
        ("sub", "missing"),
        (".", "outside"),
        ("pipe.jpg", "missing"),
        ("dangling.jpg", "missing"),
        ("a.jpg\0", "missing"),
        ("a" * 5000, "missing"),
        ("http://example.org/a.jpg", "missing"),
        ("../secret.jpg", "outside"),
        ("sub/../../secret.jpg", "outside"),
        ("../inside/c.jpg", "outside"),
        ("/etc/passwd", "outside"),
        ("file_link.jpg", "outside"),
        ("dir_link/c.jpg", "outside"),
        ("b\udcff.jpg", "encoding"),
    ],
)
def test_reference_that_may_not_be_read_is_refused_with_its_reason(root, ref, reason):
    with pytest.raises(RowError) as caught:
        MediaRoot(root).check(ref)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("ref", "short"),
    [
        ("a.jpg", "a.jpg"),
        (" ./sub/../a.jpg ", "a.jpg"),
        ("sub//b.jpg", "sub/b.jpg"),
        ("good_link.jpg", "good_link.jpg"),
        ("a.jpg#line", "a.jpg#line"),
    ],
)
def test_reference_comes_back_in_its_shortest_form(root, ref, short):
    assert MediaRoot(root).check(ref) == short


def test_absolute_path_inside_the_root_becomes_relative(root):
    assert MediaRoot(root).check(str(root / "sub/b.jpg")) == "sub/b.jpg"


def test_root_that_is_a_link_itself_is_followed(root):
    (root.parent / "door").symlink_to(root)
    assert MediaRoot(root.parent / "door").check("sub/b.jpg") == "sub/b.jpg"


@pytest.mark.parametrize("ref", ["../secret.jpg", "file_link.jpg", "dir_link/c.jpg"])
def test_files_outside_are_accepted_where_that_is_allowed(root, ref):
    found = MediaRoot(root, allow_outside=True).check(ref)
    assert (root / found).read_bytes() == b"x"


def test_text_is_stripped_and_checked():
    assert clean_text(" 007\n") == "007"
    for text, reason in (("", "empty"), (" \t\u3000", "empty"), ("caf\udce9", "encoding")):
        with pytest.raises(RowError) as caught:
            clean_text(text)
        assert caught.value.reason == reason


def test_one_broken_row_ends_the_command_only_if_asked():
    manifest = Manifest("m", (ROW,), (Rejected("7", "missing", "x.jpg"), Rejected("8", "empty", "")))
    assert settle(manifest, "skip") is manifest
    with pytest.raises(UserError, match=r"row 7 \(missing: x.jpg\) and 1 more cannot be used"):
        settle(manifest, "fail")
    assert settle(Manifest("m", (ROW,)), "fail").rows == (ROW,)


def test_nothing_usable_is_the_users_mistake():
    with pytest.raises(UserError, match="no usable row; 1 rejected, the first: row 7"):
        settle(Manifest("m", (), (Rejected("7", "missing", "x.jpg"),)), "skip")
