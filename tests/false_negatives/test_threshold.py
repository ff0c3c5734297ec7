"""Suspects by a fixed similarity."""

import pytest
import torch

from xret.false_negatives.threshold import Threshold


def test_suspects_from_the_value_on_and_never_a_positive():
    scores = torch.tensor([[0.95, 0.75, 0.5, 0.25, -0.8]])
    positives = torch.tensor([[True, False, False, False, False]])
    assert Threshold(0.5)(scores, positives).tolist() == [[False, True, True, False, False]]


@pytest.mark.parametrize("least", [-1.0, 1.1])
def test_rejects_what_is_no_cosine(least):
    with pytest.raises(ValueError, match=r"least must be in \(-1, 1\]"):
        Threshold(least)
