"""Thumbnails are drawn once and kept within a bound."""

import pytest

from xret.serve.pictures import Thumbnails


def test_keeps_what_was_used_last_within_the_bound():
    drawn = []

    def draw(key):
        drawn.append(key)
        return b"0123456789"

    kept = Thumbnails(25)
    for key in ("a", "b", "a", "c", "a", "b"):
        assert kept.get(key, lambda key=key: draw(key)) == b"0123456789"
    assert drawn == ["a", "b", "c", "b"]
    assert kept.bytes == 20


def test_one_larger_than_the_bound_is_given_and_not_kept():
    kept = Thumbnails(5)
    assert kept.get("a", lambda: b"0123456789") == b"0123456789"
    assert kept.bytes == 0


def test_what_cannot_be_drawn_is_asked_again():
    kept = Thumbnails(25)

    def fail():
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        kept.get("a", fail)
    assert kept.get("a", lambda: b"now") == b"now"
