"""Sigmoid loss against hand values and open_clip."""

import math

import pytest
import torch
import torch.nn.functional as F
from open_clip.loss import SigLipLoss

from xret.loss.siglip import SigLIP


def test_hand_value_sums_a_row_and_averages_the_rows():
    scores = torch.tensor([[1.0, 0.5], [0.0, 0.0]])
    positives = torch.tensor([[True, False], [False, False]])
    negatives = torch.tensor([[False, True], [True, False]])
    # logits 2 s - 1: 1 and 0 in the first row, -1 in the second, the last pair masked
    expected = (math.log(1 + math.exp(-1)) + math.log(2) + math.log(1 + math.exp(-1))) / 2
    assert SigLIP(scale=2.0, bias=-1.0)(scores, positives, negatives).item() == pytest.approx(expected, rel=1e-6)


def test_equals_open_clip_where_everything_else_is_a_negative():
    images, texts = F.normalize(torch.randn(9, 16), dim=1), F.normalize(torch.randn(9, 16), dim=1)
    positives = torch.eye(9, dtype=torch.bool)
    loss = SigLIP(bias=-10.0)
    expected = SigLipLoss()(images, texts, loss.log_scale.exp(), loss.bias)
    torch.testing.assert_close(loss(images @ texts.T, positives, ~positives), expected, rtol=1e-5, atol=1e-5)


def test_starts_at_the_values_it_is_given():
    loss = SigLIP(scale=10.0, bias=-10.0)
    assert loss.log_scale.item() == pytest.approx(math.log(10))
    assert loss.bias.item() == -10


def test_bias_of_zero_is_not_relative():
    positives = torch.tensor([[True, False, False, False]])
    assert SigLIP(bias=0.0)(torch.zeros(1, 4), positives, ~positives).item() == pytest.approx(4 * math.log(2), rel=1e-6)


def test_without_a_bias_it_starts_at_the_log_odds_of_the_batch():
    positives = torch.tensor([[True, False, False, False]])
    expected = math.log(1 + 3) + 3 * math.log(1 + 1 / 3)  # a quarter of the pairs are positives
    assert SigLIP()(torch.zeros(1, 4), positives, ~positives).item() == pytest.approx(expected, rel=1e-6)


def test_without_a_bias_the_start_is_the_least_loss_that_blind_scores_allow():
    positives = torch.rand(5, 9) < 0.3
    negatives = ~positives & (torch.rand(5, 9) < 0.7)
    weight = torch.rand(5)
    loss = SigLIP()
    loss(torch.zeros(5, 9), positives, negatives, weight).backward()
    assert loss.bias.grad.item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("kind", [True, False])
def test_without_a_bias_and_without_odds_it_starts_at_zero(kind):
    positives = torch.full((1, 3), kind)
    assert SigLIP()(torch.zeros(1, 3), positives, ~positives).item() == pytest.approx(3 * math.log(2), rel=1e-6)


def test_row_without_pairs_counts_as_a_row():
    positives = torch.tensor([[True, False], [False, False]])
    negatives = torch.tensor([[False, True], [False, False]])
    assert SigLIP(bias=0.0)(torch.zeros(2, 2), positives, negatives).item() == pytest.approx(math.log(2), rel=1e-6)


def test_scale_and_bias_are_learned():
    scores = torch.rand(3, 3)
    positives = torch.eye(3, dtype=torch.bool)
    loss = SigLIP(scale=3.0, bias=-2.0)
    loss(scores, positives, ~positives).backward()
    log_scale, bias = (p.detach().clone().requires_grad_() for p in (loss.log_scale, loss.bias))
    signs = torch.where(positives, 1.0, -1.0)
    (-F.logsigmoid(signs * (scores * log_scale.exp() + bias)).sum() / 3).backward()
    torch.testing.assert_close(loss.log_scale.grad, log_scale.grad)
    torch.testing.assert_close(loss.bias.grad, bias.grad)


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_refuses_a_scale_that_has_no_logarithm(scale):
    with pytest.raises(ValueError, match="scale must be positive"):
        SigLIP(scale=scale)
