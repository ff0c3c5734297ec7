"""Cells that a spreadsheet would run are told, and stay as they are."""

import pytest

from xret.clean.apply import apply
from xret.clean.text.formula import Formula


@pytest.mark.parametrize(
    "caption",
    [
        '=HYPERLINK("http://x.example","red dress")',
        "=1+1",
        "@SUM(1)",
        "+cmd|'/C calc'!A0",
        "-2+3",
        " \t=A1",
        "\uff1d1+1",
        "-5 degrees",
    ],
)
def test_what_begins_as_a_formula_is_proposed_as_text_and_left_alone(caption):
    found = Formula()(caption)
    assert found.value == f"'{caption}"
    assert not found.applied
    value, (edit,) = apply({"formula": Formula()}, caption)
    assert value == caption
    assert (edit.step, edit.before, edit.applied) == ("formula", caption, False)
    assert edit.reason
    assert edit.evidence > 0  # 0 would be a step that failed


def test_a_confirmed_one_is_text_from_then_on():
    value, _ = apply({"formula": Formula()}, "=A1", {("formula", "=A1", "'=A1")})
    assert value == "'=A1"
    assert Formula()(value).reason == ""


@pytest.mark.parametrize(
    "caption", ["a dog", "1 + 1 = 2", "5 - 3", "a@b", "", "=", "- ", "'=A1", "e-mail: @me", "red = rot"]
)
def test_a_sign_elsewhere_or_alone_is_none(caption):
    assert Formula()(caption).reason == ""


def test_what_calls_something_is_surer_than_a_sign():
    sure = ["=HYPERLINK(1)", "-SUM(A1)", "+A1", "@cmd|'/C calc'!A0", "=$B$2"]
    likely, unlikely = Formula()("=1+1").evidence, Formula()("-5 degrees").evidence
    assert min(Formula()(caption).evidence for caption in sure) > likely > unlikely
    assert Formula()("-5 degrees (in Celsius)").evidence == unlikely
    assert Formula()("=HYPERLINK(1)").reason == "a spreadsheet may run it: calls HYPERLINK("
    assert Formula()("-5 degrees").reason == "a spreadsheet may run it: begins with -"
