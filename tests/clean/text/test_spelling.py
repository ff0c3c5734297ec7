"""Spelling: what is suspected, and what is left alone."""

import json

import pytest

from xret._errors import UserError
from xret.clean.text.spelling import Spelling


@pytest.fixture(scope="module")
def step():
    return Spelling()


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("a smalll brown dog", "a small brown dog"),
        ("the housse near a tree and a mountian", "the house near a tree and a mountain"),
    ],
)
def test_a_slip_is_suggested_and_not_applied(step, wrong, right):
    found = step(wrong)
    assert found.value == right
    assert not found.applied
    assert 0.6 <= found.evidence <= 1
    assert "spelling" in found.reason


@pytest.mark.parametrize(
    "caption",
    [
        "a small brown dog",
        "Hallway of the Gren family",
        "a gr3en tree on a hill",
        "the dgo",
        "eine kleine braune Katze",
        "红色连衣裙",
        "a gren-tree",
        "",
    ],
)
def test_names_numbers_short_words_and_other_languages_are_no_suspects(step, caption):
    assert step(caption).value == caption
    assert step(caption).reason == ""


def test_a_word_frequent_in_training_is_right():
    step, fresh = Spelling(min_count=2), Spelling(min_count=2)
    assert step("a red mountian with a hill").reason
    step.fit([("", "a mountian"), ("", "mountian mountian")])
    assert step("a red mountian with a hill").reason == ""
    fresh.restore(json.loads(json.dumps(step.state())))
    assert fresh("a red mountian with a hill").reason == ""
    step.fit([("", "mountian mountian")])  # twice in one caption is one slip
    assert step("a red mountian with a hill").reason


def test_suggestions_can_be_applied():
    found = Spelling(apply=True)("a smalll brown dog")
    assert found.applied
    assert found.value == "a small brown dog"


def test_wrong_arguments_are_refused():
    with pytest.raises(UserError, match="language must be one"):
        Spelling(language="xx")
    with pytest.raises(ValueError, match="certainty must be"):
        Spelling(certainty=1.5)
    with pytest.raises(ValueError, match="min_count"):
        Spelling(min_count=0)
