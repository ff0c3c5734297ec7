"""Contrastive loss against hand values and another library."""

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import ContrastiveLoss
from pytorch_metric_learning.reducers import MeanReducer

from xret.loss.contrastive import Contrastive


def test_hand_value_of_angles():
    angle_deg = torch.tensor([[60.0, 90.0, 0.0, 60.0]])  # cosines 0.5, 0, 1, 0.5
    positives = torch.tensor([[True, True, False, False]])
    # positives at distance 0.5 and 1; negatives at 0 and 0.5 with a margin of 0.6
    value = Contrastive(margin=0.6)(torch.deg2rad(angle_deg).cos(), positives, ~positives)
    assert value.item() == pytest.approx((0.5 + 1) / 2 + (0.6 + 0.1) / 2, rel=1e-5)


def test_negative_beyond_the_margin_is_left_alone():
    scores = torch.tensor([[0.9, 0.3, 0.5]], requires_grad=True)
    positives = torch.tensor([[True, False, False]])
    Contrastive(margin=0.6)(scores, positives, ~positives).backward()
    assert scores.grad.tolist() == [[-1.0, 0.0, 0.5]]


def test_many_negatives_do_not_drown_the_positives():
    scores = torch.zeros(1, 101)
    positives = torch.zeros(1, 101, dtype=torch.bool)
    positives[0, 0] = True
    assert Contrastive(margin=0.5)(scores, positives, ~positives).item() == pytest.approx(1.0)


@pytest.mark.parametrize("margin", [0.7, 1.0, 1.4])
def test_equals_pytorch_metric_learning(margin):
    queries, targets = F.normalize(torch.randn(12, 8), dim=1), F.normalize(torch.randn(12, 8), dim=1)
    labels = torch.arange(12) // 3
    positives = labels[:, None] == labels[None, :]
    theirs = ContrastiveLoss(pos_margin=1, neg_margin=1 - margin, distance=CosineSimilarity(), reducer=MeanReducer())(
        queries, labels, ref_emb=targets, ref_labels=labels.clone()
    )
    value = Contrastive(margin)(queries @ targets.T, positives, ~positives)
    torch.testing.assert_close(value, theirs, rtol=1e-5, atol=1e-5)


def test_collapsed_vectors_rest_at_the_margin():
    positives = torch.eye(4, dtype=torch.bool)
    assert Contrastive(margin=0.3)(torch.ones(4, 4), positives, ~positives).item() == pytest.approx(0.3, rel=1e-5)


@pytest.mark.parametrize("margin", [0.0, -1.0, 2.1])
def test_refuses_a_margin_outside_the_cosine_range(margin):
    with pytest.raises(ValueError, match=r"margin must be in \(0, 2\]"):
        Contrastive(margin)
