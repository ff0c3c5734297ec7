"""Repeats by the stated rule, and against a slow search."""

import itertools

import pytest

from xret.clean.text.repeats import Repeats


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("red dress red dress red dress", "red dress"),
        ("a dog on a hill, a dog on a hill.", "a dog on a hill."),
        ("Red dress. red dress! new", "Red dress! new"),
        ("dress dress dress", "dress"),
        ("dress, dress, dress", "dress"),
        ("the the cat of of Ann", "the cat of Ann"),
        ("红色连衣裙红色连衣裙", "红色连衣裙"),
        ("红色连衣裙 红色连衣裙 红色连衣裙", "红色连衣裙"),
        ("玫瑰玫瑰玫瑰", "玫瑰"),
        ("a b c d a b c d e", "a b c d e"),
    ],
)
def test_a_phrase_in_a_row_is_kept_once(dirty, clean):
    found = Repeats()(dirty)
    assert found.value == clean
    assert found.reason == "repeated words"


@pytest.mark.parametrize(
    "caption",
    [
        "very very red",
        "bye-bye",
        "Chi Chi the panda",
        "Fire! Fire! Fire!",
        "Hello? Hello?",
        "that that",
        "研究研究",
        "哈哈哈",
        "妈妈",
        "10 10 10",
        "red dress blue dress",
        "a dog and a cat and a cow",
        "knock-knock-knock",
        "family man girl girl",
    ],
)
def test_what_people_say_twice_stays(caption):
    assert Repeats()(caption).value == caption
    assert Repeats()(caption).reason == ""


def test_no_phrase_of_two_words_is_left_twice_in_a_row():
    """All texts of eight words out of three: what is left has no immediate repeat, found by comparing every place."""
    for text in itertools.product(("red", "old", "dress"), repeat=8):
        left = Repeats()(" ".join(text)).value.split()
        for size in (2, 3, 4):
            for i in range(len(left) - 2 * size + 1):
                same = left[i : i + size] == left[i + size : i + 2 * size]
                assert not same or len(set(left[i : i + size])) == 1
        assert set(left) == set(text)


def test_the_longest_phrase_is_bounded():
    assert Repeats(longest=2)("a b c a b c").value == "a b c a b c"
    with pytest.raises(ValueError, match="longest must be 1 or more"):
        Repeats(0)
