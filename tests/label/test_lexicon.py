"""Labels by words, on captions whose labels anyone can tell."""

import numpy as np
import pytest

from xret._errors import UserError
from xret.label import NONE, Label, Rows
from xret.label.lexicon import Lexicon, shipped_labels


def label(caption, attribute="colour", labels=None, **settings):
    rows = Rows([caption], ["g"], np.ones(1, bool))
    return Lexicon(certainty=1.0, **settings)(rows, {attribute: labels})[attribute][0]


@pytest.mark.parametrize(
    ("attribute", "caption", "expected"),
    [
        ("colour", "A RED-ish dress", "red"),
        ("colour", "A navy-blue coat", "blue"),
        ("colour", "红色连衣裙", "red"),
        ("colour", "一条深蓝牛仔裤", "blue"),
        ("material", "a stainless  steel watch", "metal"),
        ("material", "bag of faux leather", "faux leather"),
        ("material", "真皮手提包", "leather"),
        ("style", "polka dots on a cup", "dotted"),
        ("style", "复古风格", "vintage"),
        ("category", "Three butterflies", "animals"),
        ("category", "Two boxes of cherries", "food"),
        ("category", "A Jack-o’-lantern.", "holidays"),  # noqa: RUF001
        ("category", "一只小猫", "animals"),
    ],
)
def test_words_are_found_whole_in_english_and_chinese(attribute, caption, expected):
    assert label(caption, attribute).value == expected


@pytest.mark.parametrize("caption", ["a hundred", "Reds hair", "bored", "tired", "", "rosé", "navyblue"])
def test_parts_of_words_are_not_found(caption):
    assert label(caption) == NONE


@pytest.mark.parametrize(
    "caption",
    ["not red", "There is no red in it", "isn't a red one", "without any red", "non-red", "red-free", "no red or blue",
     "neither red, blue nor green", "不是红色", "没有红色"],
)  # fmt: skip
def test_what_is_negated_is_not_there(caption):
    assert label(caption) == NONE


def test_a_negation_ends_where_another_thing_begins():
    assert label("not red but blue").value == "blue"
    assert label("not only red").value == "red"
    assert label("no red. Blue all over").value == "blue"


def test_the_longest_word_counts_and_a_comma_parts_words():
    assert label("a suit of rose gold").value == "gold"
    assert label("a dark blue cup", labels=["blue", "dark", "dark blue"]) == Label("dark blue", 1.0)
    assert label("stainless, steel", "material", labels=["stainless steel", "steel"]).value == "steel"


def test_of_several_labels_the_first_or_the_most_specific_one_counts():
    caption = "a red cup with a sky blue handle"
    assert label(caption).value == "red"
    assert label(caption, several="specific").value == "blue"


def test_confidence_is_shared_among_labels_and_halved_where_a_word_has_two_meanings():
    assert label("a red cup").confidence == 1.0
    assert label("red, red and crimson").confidence == 1.0
    assert label("a red and blue cup").confidence == 0.5
    assert label("an orange").confidence == 0.5
    assert label("an orange and a red thing").confidence == 0.25
    assert label("an orange orange-coloured thing") == Label("orange", 1.0)
    assert (
        Lexicon(certainty=0.6)(Rows(["red"], ["g"], np.ones(1, bool)), {"colour": None})["colour"][0].confidence == 0.6
    )


def test_allowed_labels_restrict_the_list_and_stand_for_themselves():
    assert label("a crimson and teal thing", labels=["Turquoise"]).value == "Turquoise"
    assert label("a mauvish thing", labels=["mauvish"]).value == "mauvish"
    assert label("red", labels=["blue"]) == NONE


def test_a_list_of_ones_own_stands_in_place_of_the_shipped_one(tmp_path):
    (tmp_path / "colour.txt").write_text("# mine\nwarm: red, orange\ncold: blue\ngreen\n")
    own = {"files": {"colour": str(tmp_path / "colour.txt")}}
    assert [label(word, **own).value for word in ("orange", "blue", "green", "purple")] == [
        "warm",
        "cold",
        "green",
        None,
    ]


def test_the_labels_of_shipped_lists_can_be_asked_for():
    assert shipped_labels("colour")[:3] == ["red", "orange", "yellow"]
    assert shipped_labels("size") == shipped_labels("../lexicon") == []


def test_no_shipped_list_holds_a_word_twice_for_different_labels():
    from xret.label.lexicon import SHIPPED, _tokens

    lists = sorted(SHIPPED.glob("*.txt"))
    assert [path.stem for path in lists] == ["category", "colour", "material", "style"]
    for path in lists:
        seen = {}
        for line in path.read_text().splitlines():
            name, _, words = line.partition(":")
            for word in words.split(",") if not line.startswith("#") else ():
                assert word.strip(), f"{path.stem}: an empty word of {name}"
                assert seen.setdefault(_tokens(word), name) == name, f"{path.stem}: {word} is {name} and another"


def test_a_mistake_is_told(tmp_path):
    with pytest.raises(ValueError, match="first, specific"):
        Lexicon(several="last")
    with pytest.raises(ValueError, match=r"certainty must be in \(0, 1\]"):
        Lexicon(certainty=0.0)
    with pytest.raises(UserError, match="cannot be read"):
        Lexicon(files={"colour": str(tmp_path / "none.txt")})
    (tmp_path / "empty.txt").write_text("# nothing\n")
    with pytest.raises(UserError, match="there is none"):
        Lexicon(files={"colour": str(tmp_path / "empty.txt")})
    with pytest.raises(UserError, match="no list for 'size'"):
        label("large", "size")
