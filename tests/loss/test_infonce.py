"""InfoNCE against hand values, cross-entropy, the plain formula and another library."""

import math

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.losses import NTXentLoss

from xret.loss import infonce
from xret.loss.infonce import InfoNCE


def plain(scores, positives, negatives, log_scale):
    logits = scores * log_scale.exp()
    rivals = logits.masked_fill(~negatives, -torch.inf).logsumexp(dim=1, keepdim=True)
    return F.softplus(rivals - logits)[positives].mean()


def random_case(rows, columns, seed=0):
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(rows, columns, generator=generator) * 2 - 1
    kind = torch.randint(0, 3, (rows, columns), generator=generator)
    return scores, kind == 0, kind == 1


def test_hand_value_of_one_positive_and_two_negatives():
    scores = torch.tensor([[0.5, 0.0, -0.5]])
    positives = torch.tensor([[True, False, False]])
    expected = math.log(1 + math.exp(-0.5 / 0.5) + math.exp(-1 / 0.5))
    assert InfoNCE(temperature=0.5)(scores, positives, ~positives).item() == pytest.approx(expected, rel=1e-6)


def test_a_negative_that_was_not_mined_does_not_compete():
    scores = torch.tensor([[0.5, 0.0, 0.9]])
    positives = torch.tensor([[True, False, False]])
    negatives = torch.tensor([[False, True, False]])
    expected = math.log(1 + math.exp(-0.5))
    assert InfoNCE(temperature=1.0)(scores, positives, negatives).item() == pytest.approx(expected, rel=1e-6)


def test_positives_of_a_row_do_not_compete_with_each_other():
    scores = torch.tensor([[0.5, 0.9, 0.1]])
    positives = torch.tensor([[True, True, False]])
    expected = (math.log(1 + math.exp(-0.4)) + math.log(1 + math.exp(-0.8))) / 2
    assert InfoNCE(temperature=1.0)(scores, positives, ~positives).item() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("transposed", [False, True])
def test_is_the_cross_entropy_of_clip_where_the_diagonal_is_positive(transposed):
    scores = torch.rand(7, 7) * 2 - 1
    scores = scores.T if transposed else scores
    positives = torch.eye(7, dtype=torch.bool)
    expected = F.cross_entropy(scores / 0.07, torch.arange(7))
    torch.testing.assert_close(InfoNCE()(scores, positives, ~positives), expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("block", [1, 24, 1 << 20])
def test_value_and_gradients_are_those_of_the_plain_formula(monkeypatch, block, transposed):
    monkeypatch.setattr(infonce, "_BLOCK", block)  # one row, two rows, all rows at a time
    scores, positives, negatives = random_case(9, 12)
    if transposed:
        scores, positives, negatives = (x.T.contiguous().T for x in (scores, positives, negatives))
    loss = InfoNCE(temperature=0.3)
    ours = scores.detach().requires_grad_()
    theirs = scores.double().detach().requires_grad_()
    log_scale = loss.log_scale.detach().double().requires_grad_()
    value = loss(ours, positives, negatives)
    expected = plain(theirs, positives, negatives, log_scale)
    (3 * value).backward()
    (3 * expected).backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(ours.grad.double(), theirs.grad, rtol=1e-4, atol=1e-7)
    assert loss.log_scale.grad.item() == pytest.approx(log_scale.grad.item(), rel=1e-4)


def test_both_directions_of_one_matrix_add_their_gradients():
    scores, positives, negatives = random_case(6, 8)
    loss = InfoNCE()
    ours, theirs = (scores.clone().requires_grad_() for _ in range(2))
    (loss(ours, positives, negatives) + loss(ours.T, positives.T, negatives.T)).backward()
    log_scale = loss.log_scale.detach()
    both = plain(theirs, positives, negatives, log_scale) + plain(theirs.T, positives.T, negatives.T, log_scale)
    both.backward()
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-4, atol=1e-6)


def test_equals_ntxent_with_several_positives():
    queries, targets = F.normalize(torch.randn(12, 8), dim=1), F.normalize(torch.randn(12, 8), dim=1)
    labels = torch.arange(12) // 3
    positives = labels[:, None] == labels[None, :]
    expected = NTXentLoss(temperature=0.2)(queries, labels, ref_emb=targets, ref_labels=labels.clone())
    value = InfoNCE(temperature=0.2)(queries @ targets.T, positives, ~positives)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("sign", [1, -1])
def test_opposite_vectors_at_the_lowest_temperature_stay_finite(sign):
    scores = torch.tensor([[sign, -sign, -sign]], dtype=torch.float32, requires_grad=True)
    positives = torch.tensor([[True, False, False]])
    value = InfoNCE(temperature=0.01)(scores, positives, ~positives)
    value.backward()
    assert value.item() == pytest.approx(0 if sign == 1 else 200 + math.log(2), abs=1e-4)
    assert scores.grad.tolist()[0] == pytest.approx([0, 0, 0] if sign == 1 else [-100, 50, 50], abs=1e-3)


def test_row_without_negatives_adds_zero_and_gets_no_gradient():
    scores = torch.tensor([[0.5, 0.3], [0.2, 0.2]], requires_grad=True)
    positives = torch.tensor([[True, True], [True, False]])
    value = InfoNCE(temperature=1.0)(scores, positives, ~positives)
    value.backward()
    assert value.item() == pytest.approx(math.log(2) / 3, rel=1e-6)
    assert scores.grad[0].tolist() == [0, 0]


def test_temperature_is_clamped_at_its_floor_and_can_leave_it():
    loss = InfoNCE(temperature=0.02, min_temperature=0.01)
    with torch.no_grad():
        loss.log_scale.fill_(9.0)
    scores = torch.tensor([[0.1, 0.2]], requires_grad=True)
    positives = torch.tensor([[True, False]])
    loss(scores, positives, ~positives).backward()
    assert loss.log_scale.exp().item() == pytest.approx(100, rel=1e-5)
    assert loss.log_scale.grad.item() == pytest.approx(10 / (1 + math.exp(-10)), rel=1e-4)  # 100 * 0.1 * sigmoid(10)
    assert loss.log_scale.dtype == torch.float32


@pytest.mark.parametrize("arguments", [(0.07, 0.0), (0.01, 0.07), (-1.0, -2.0)])
def test_refuses_a_floor_above_the_start_or_not_positive(arguments):
    with pytest.raises(ValueError, match="need 0 < min_temperature <= temperature"):
        InfoNCE(*arguments)
