"""Steps one after the other."""

from xret.clean import Outcome
from xret.clean.apply import Edit, apply


def replace(old, new, applied=True):
    def step(text):
        return Outcome(text.replace(old, new), f"{old} found", applied, 0.7) if old in text else Outcome(text)

    return step


def drop(text):
    return Outcome(None, "too short") if len(text) < 3 else Outcome(text)


def broken(text):
    raise RuntimeError("odd")


def test_each_step_gets_what_the_one_before_made_of_it():
    value, edits = apply({"first": replace("a", "b"), "second": replace("b", "c")}, "ax")
    assert value == "cx"
    assert edits == [
        Edit("first", "ax", "bx", "a found", True, 0.7),
        Edit("second", "bx", "cx", "b found", True, 0.7),
    ]


def test_a_proposal_changes_nothing_until_it_is_accepted():
    steps = {"spelling": replace("teh", "the", applied=False)}
    assert apply(steps, "teh cat") == ("teh cat", [Edit("spelling", "teh cat", "the cat", "teh found", False, 0.7)])
    value, (edit,) = apply(steps, "teh cat", {("spelling", "teh cat", "the cat")})
    assert (value, edit.applied) == ("the cat", True)
    assert apply(steps, "teh dog", {("spelling", "teh cat", "the cat")})[0] == "teh dog"


def test_behind_a_step_that_leaves_a_value_out_no_other_is_asked():
    value, edits = apply({"drop": drop, "broken": broken}, "ab")
    assert value is None
    assert [(edit.step, edit.after, edit.applied) for edit in edits] == [("drop", None, True)]


def test_a_step_that_fails_is_told_and_the_others_go_on():
    value, edits = apply({"broken": broken, "next": replace("a", "b")}, "a cat")
    assert value == "b cbt"
    assert (edits[0].reason, edits[0].applied) == ("failed: RuntimeError: odd", False)
