"""A policy: operations in order, strength by epoch, and arguments that fit."""

import numpy as np
import pytest

from xret.augmentation.pairs.mixgen import MixGen
from xret.augmentation.policy import Policy
from xret.augmentation.text.swap import Swap


def test_operations_are_applied_in_their_order():
    policy = Policy(text={"a": lambda t, _: t + "a", "none": None, "b": lambda t, _: t + "b"})
    assert policy.change("text", "-", np.random.default_rng(0)) == "-ab"
    assert policy.change("image", 7, np.random.default_rng(0)) == 7


def test_a_pair_operation_is_named_by_its_number():
    policy = Policy(pairs={"one": MixGen(p=0.1), "two": MixGen(ratio=0.25, p=0.1)})
    rng = np.random.default_rng(0)
    black, white = np.zeros((3, 1, 1), np.uint8), np.full((3, 1, 1), 200, np.uint8)
    assert policy.mix(1, "image", black, white, rng)[0, 0, 0] == 150
    assert policy.mix(0, "text", "a", "b", rng) == "a b"


@pytest.mark.parametrize(("ramp", "expected"), [(0, [1, 1, 1]), (1, [0.5, 1, 1]), (4, [0.2, 0.4, 0.6])])
def test_strength_rises_to_full(ramp, expected):
    policy = Policy(text={"swap": Swap()}, ramp_epochs=ramp)
    assert [policy.strength(epoch) for epoch in range(3)] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "needs an operation"),
        ({"text": {"swap": None}}, "needs an operation"),
        ({"share": 2}, "share must be in"),
        ({"ramp_epochs": -1}, "ramp_epochs of at least 0"),
        ({"views": 0}, "views of at least 1"),
        ({"pairs": {"a": MixGen(p=0.6), "b": MixGen(p=0.6)}}, "not add up to more than 1"),
    ],
)
def test_settings_that_cannot_be_are_told(arguments, message):
    given = {"text": {"swap": Swap()}, **arguments} if arguments and "text" not in arguments else arguments
    with pytest.raises(ValueError, match=message):
        Policy(**given)
