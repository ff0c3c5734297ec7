"""Words and gaps: cut and joined again, a text is itself."""

import pytest

from xret.augmentation.text._words import changed, split

TEXTS = [
    "a dog's big-eyed look, again!",
    "  [MASK] of <mask> 红苹果 and\tcat ",
    "",
    "...",
    "naïve café №5",
    "一只、两只",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_cut_text_joins_to_itself(text):
    assert str(split(text)) == text
    assert str(split(text, {"苹果", "小狗"})) == text


def test_words_are_letters_and_special_tokens_are_none():
    assert split("A dog's big-eyed [MASK], <mask> look <|endoftext|> 3.").words == [
        "A",
        "dog's",
        "big-eyed",
        "look",
        "3",
    ]


def test_characters_without_spaces_are_cut_by_a_vocabulary_alone():
    assert split("红苹果 and 一只小狗").words == ["红苹果", "and", "一只小狗"]
    assert split("红苹果和小狗", {"苹果", "小狗", "小"}).words == ["红", "苹果", "和", "小狗"]  # the longest match


def test_content_words_are_no_function_words():
    cut = split("The dog is on a mat")
    assert [cut.words[i] for i in cut.content()] == ["dog", "mat"]


@pytest.mark.parametrize(
    ("place", "left"),
    [(0, "b, c."), (1, "a, c."), (2, "a b, ."), (3, "x")],
)
def test_deleting_takes_one_gap_along(place, left):
    cut = split("a b, c." if place < 3 else "x y")
    cut.delete(place if place < 3 else 1)
    assert str(cut).replace(", .", ",.") == left.replace(", .", ",.")


def test_inserting_puts_a_space_between():
    for place, text in enumerate(["z a b!", "a z b!", "a b z!"]):
        cut = split("a b!")
        cut.insert(place, "z")
        assert str(cut) == text
    empty = split("")
    empty.insert(0, "z")
    assert str(empty) == "z"


@pytest.mark.parametrize(
    ("before", "after", "count"),
    [
        ("a b c", "a b c", 0),
        ("a b c", "a x c", 1),
        ("a b c", "a b c d", 1),
        ("a b c", "c", 2),
        ("a b c", "c b a", 2),
        ("a b c", "a x y z", 3),
    ],
)
def test_changed_words_are_counted(before, after, count):
    assert changed(before, after) == count
