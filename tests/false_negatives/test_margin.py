"""Suspects by comparison with the best positive of their row."""

import pytest
import torch

from xret.false_negatives.margin import Margin


def test_suspects_what_leads_the_best_positive_by_more_than_the_margin():
    scores = torch.tensor([[0.25, 0.5, 0.75, 0.875, 0.0]])
    positives = torch.tensor([[True, True, False, False, False]])
    assert Margin(0.25)(scores, positives).tolist() == [[False, False, False, True, False]]
    assert Margin(0.0)(scores, positives).tolist() == [[False, False, True, True, False]]


def test_below_zero_it_spares_near_rivals_too():
    scores = torch.tensor([[0.5, 0.375, 0.125]])
    positives = torch.tensor([[True, False, False]])
    assert Margin(-0.25)(scores, positives).tolist() == [[False, True, False]]


def test_a_row_without_positives_has_no_suspects():
    assert not Margin(-2.0)(torch.rand(2, 3), torch.zeros(2, 3, dtype=torch.bool)).any()


@pytest.mark.parametrize("margin", [-2.1, 2.1])
def test_rejects_what_is_no_difference_of_cosines(margin):
    with pytest.raises(ValueError, match=r"margin must be in \[-2, 2\]"):
        Margin(margin)
