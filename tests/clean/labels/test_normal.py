"""Normal form: chance in the spelling goes, what tells values apart stays."""

import json

import pytest

from xret.clean.labels.normal import Normal


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("Red", "red"),
        ("  dark_blue ", "dark blue"),
        ("Long-Sleeve", "long sleeve"),
        ("long\u2013sleeve", "long sleeve"),
        ("T-Shirt!", "t shirt"),
        ("\uff32\uff25\uff24", "red"),
        ("“red”.", "red"),
        ("red (dark)", "red dark"),
        ("Women\u2019s", "women's"),
        ("arts-&-crafts", "arts & crafts"),
        ("- red", "red"),
        ("red ,blue,", "red, blue"),
        ("【红色】", "红色"),
        ("STRASSE", "strasse"),
    ],
)
def test_spellings_of_one_value_become_one(value, plain):
    assert Normal()(value).value == plain
    assert Normal()(value).reason == ("normal form" if value != plain else "")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("-5", "5"), ("3.5 mm", "35 mm"), ("1/2", "12"), ("c++", "c"), ("c#", "c"), ("50%", "50"), ("1,5", "15"),
        ("10-20", "1020"), ("5°", "5"), ("red, blue", "red blue"), ("红色", "绿色"), ("size 38", "size 39"),
    ],
)  # fmt: skip
def test_marks_that_tell_values_apart_stay(one, other):
    assert Normal()(one).value != Normal()(other).value


@pytest.mark.parametrize("value", ["---", "!!", "?", "", " "])
def test_a_value_of_marks_alone_is_not_emptied(value):
    assert Normal()(value).value == value.strip()


def test_the_name_of_the_attribute_goes_from_the_end_but_never_all_of_the_value():
    step = Normal()
    step.fit([("Style", "retro style"), ("Style", "style")])
    assert step("Retro Style").value == "retro"
    assert step("Retro Style").reason == "ends in 'style'"
    assert step("style").value == "style"
    assert step("freestyle").value == "freestyle"
    off = Normal(own_name=False)
    off.fit([("style", "retro style")])
    assert off("retro style").value == "retro style"


def test_both_spellings_of_colour_are_its_name_and_chinese_names_need_no_space():
    step = Normal()
    step.fit([("colour", "red color")])
    assert step("red color").value == "red"
    step.fit([("风格", "复古风格")])
    assert step("复古风格").value == "复古"


def test_configured_endings_go_one_after_the_other():
    assert Normal(suffixes=["look", "style"])("boho style look").value == "boho"
    assert Normal(suffixes=["色"])("红色").value == "红"
    assert Normal(suffixes=["色"])("色").value == "色"


def fitted(*values):
    step = Normal()
    step.fit(("kind", value) for value in values)
    return step


@pytest.mark.parametrize(
    ("one", "many"),
    [("flower", "flowers"), ("berry", "berries"), ("dish", "dishes"), ("leaf", "leaves"), ("potato", "potatoes"),
     ("woman", "women"), ("body part", "body parts"), ("knife", "knives"), ("cookie", "cookies"), ("toy", "toys")],
)  # fmt: skip
def test_the_more_frequent_number_wins(one, many):
    step = fitted(one, many, many.title())
    assert step(one).value == many
    assert f"2 times {many!r}, 1 {one!r}" in step(one).reason
    assert fitted(one, one, many)(many).value == one
    assert fitted(one, many)(many).value == one
    assert fitted(one)(many).value == one


@pytest.mark.parametrize(
    ("one", "other"),
    [("glass", "glasses"), ("short", "shorts"), ("wood", "woods"), ("good", "goods"), ("arm", "arms"), ("new", "news"),
     ("men", "women"), ("bras", "brass"), ("size 3", "size 3s"), ("a", "as"), ("princes", "princess")],
)  # fmt: skip
def test_words_that_only_look_like_two_numbers_stay_two(one, other):
    step = fitted(one, other, other, other)
    assert step(one).value == one
    assert step(other).value == other


def test_numbers_stay_where_only_one_occurs_or_plural_is_off():
    assert fitted("flowers")("flowers").value == "flowers"
    step = Normal(plural=False)
    step.fit([("kind", "flower"), ("kind", "flowers")])
    assert step("flowers").value == "flowers"


def test_a_chain_of_numbers_ends_where_it_started_from():
    step = fitted("ax", "axe", "axe", "axes", "axes", "axes", "axis")
    for value in ("ax", "axe", "axes", "axis"):
        assert step(step(value).value).reason == ""


def test_the_state_is_of_json_and_brings_everything_back():
    step, other = fitted("flower", "flowers", "flowers"), Normal()
    other.restore(json.loads(json.dumps(step.state())))
    assert other("flower kind") == step("flower kind")
    assert other("flower kind").value == "flowers"


@pytest.mark.parametrize("wrong", [{"suffixes": "style"}, {"suffixes": [" "]}])
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match="suffixes"):
        Normal(**wrong)
