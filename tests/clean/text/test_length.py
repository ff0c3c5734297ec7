"""Length at its bounds."""

import pytest

from xret.clean.text.length import Length


@pytest.mark.parametrize("caption", ["", "...", "   ", "!?"])
def test_a_caption_without_a_word_is_left_out(caption):
    found = Length()(caption)
    assert found.value is None
    assert "too short" in found.reason


def test_words_are_counted_in_any_script():
    assert Length(min_words=3)("a red dress").value == "a red dress"
    assert Length(min_words=4)("a red dress").value is None
    assert Length(min_words=5)("红色连衣裙").value == "红色连衣裙"
    assert Length(min_words=6)("红色连衣裙").value is None
    assert Length()("🍕").value == "🍕"
    assert Length(min_characters=12)("a red dress").value is None


def test_what_is_too_long_is_cut_behind_a_word():
    found = Length(max_characters=10)("a red dress with flowers")
    assert found.value == "a red"
    assert found.reason == "cut to 5 of 24 characters"
    assert Length(max_characters=11)("a red dress with flowers").value == "a red dress"
    assert Length(max_characters=4)("abcdefgh").value == "abcd"
    assert Length(max_words=2)("a red dress").value == "a red"
    assert Length(max_words=3)("a red dress!").value == "a red dress!"


def test_what_is_too_long_can_be_left_out():
    assert Length(max_words=2, long="drop")("a red dress").value is None
    found = Length(max_characters=10, long="drop")("a red dress")
    assert (found.value, found.reason) == (None, "11 characters, more than 10")
    assert Length(max_characters=11, max_words=3, long="drop")("a red dress").value == "a red dress"


@pytest.mark.parametrize(
    "bounds",
    [
        {"min_words": -1},
        {"min_words": 3, "max_words": 2},
        {"max_characters": 0},
        {"min_characters": 9, "max_characters": 8},
    ],
)
def test_bounds_that_no_caption_can_keep_are_refused(bounds):
    with pytest.raises(ValueError, match="need 0 <= min"):
        Length(**bounds)


def test_another_word_for_long_is_refused():
    with pytest.raises(ValueError, match="long must be one of cut, drop"):
        Length(long="keep")
