"""Triplet loss against hand values, a loop over triplets and another library."""

import itertools

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.losses import TripletMarginLoss
from pytorch_metric_learning.miners import BatchHardMiner
from pytorch_metric_learning.reducers import AvgNonZeroReducer, MeanReducer

from xret.loss.triplet import Triplet
from xret.miner.hard import Hard

REDUCERS = {"nonzero": AvgNonZeroReducer, "all": MeanReducer}


def unit_case(seed=0):
    generator = torch.Generator().manual_seed(seed)
    queries, targets = (F.normalize(torch.randn(15, 8, generator=generator), dim=1) for _ in range(2))
    labels = torch.tensor([0, 0, 0, 1, 1, 2, 2, 2, 2, 3, 4, 4, 5, 5, 5])
    return queries, targets, labels, labels[:, None] == labels[None, :]


def loop(scores, positives, negatives, margin, average, used=None):
    terms = []
    for row, score in enumerate(scores):
        mine = sorted(positives[row].nonzero().flatten().tolist(), key=lambda p: score[p].item())[:used]
        others = negatives[row].nonzero().flatten().tolist()
        terms += [(margin - score[p] + score[n]).clamp(min=0) for p, n in itertools.product(mine, others)]
    terms = [t for t in terms if average == "all" or t > 0]
    return torch.stack(terms).mean()


def test_hand_value_of_two_violations_among_three_triplets():
    scores = torch.tensor([[0.5, 0.4, 0.6, 0.1]])
    positives = torch.tensor([[True, False, False, False]])
    assert Triplet(0.2, "nonzero")(scores, positives, ~positives).item() == pytest.approx((0.1 + 0.3) / 2, rel=1e-5)
    assert Triplet(0.2, "all")(scores, positives, ~positives).item() == pytest.approx((0.1 + 0.3) / 3, rel=1e-5)


def test_gradient_moves_the_positive_up_and_the_violating_negatives_down():
    scores = torch.tensor([[0.5, 0.4, 0.6, 0.1]], requires_grad=True)
    positives = torch.tensor([[True, False, False, False]])
    Triplet(0.2)(scores, positives, ~positives).backward()
    assert scores.grad.tolist() == [[-1.0, 0.5, 0.5, 0.0]]


@pytest.mark.parametrize("average", ["nonzero", "all"])
@pytest.mark.parametrize("used", [None, 1, 2, 99])
def test_value_and_gradient_are_those_of_a_loop_over_triplets(average, used):
    generator = torch.Generator().manual_seed(1)
    scores = torch.rand(7, 9, generator=generator) * 2 - 1
    kind = torch.randint(0, 3, (7, 9), generator=generator)
    positives, negatives = kind == 0, kind == 1
    ours, theirs = (scores.clone().requires_grad_() for _ in range(2))
    value = Triplet(0.3, average, used)(ours, positives, negatives)
    expected = loop(theirs, positives, negatives, 0.3, average, used)
    value.backward()
    expected.backward()
    assert value.item() == pytest.approx(expected.item(), rel=1e-5)
    torch.testing.assert_close(ours.grad, theirs.grad, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("average", ["nonzero", "all"])
def test_equals_pytorch_metric_learning_with_several_positives(average):
    queries, targets, labels, positives = unit_case()
    theirs = TripletMarginLoss(margin=0.2, distance=CosineSimilarity(), reducer=REDUCERS[average]())
    expected = theirs(queries, labels, ref_emb=targets, ref_labels=labels.clone())
    value = Triplet(0.2, average)(queries @ targets.T, positives, ~positives)
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("average", ["nonzero", "all"])
def test_hard_miner_and_one_positive_are_the_batch_hard_loss(average):
    queries, targets, labels, positives = unit_case(2)
    scores = queries @ targets.T
    mined = BatchHardMiner(distance=CosineSimilarity())(queries, labels, ref_emb=targets, ref_labels=labels.clone())
    theirs = TripletMarginLoss(margin=0.2, distance=CosineSimilarity(), reducer=REDUCERS[average]())
    expected = theirs(queries, labels, mined, ref_emb=targets, ref_labels=labels.clone())
    value = Triplet(0.2, average, positives=1)(scores, positives, Hard()(scores, positives))
    torch.testing.assert_close(value, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("average", ["nonzero", "all"])
def test_collapsed_vectors_rest_at_the_margin(average):
    positives = torch.eye(5, dtype=torch.bool)
    value = Triplet(0.2, average)(torch.full((5, 5), 0.99), positives, ~positives)
    assert value.item() == pytest.approx(0.2, rel=1e-5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 0.0}, r"margin must be in \(0, 2\]"),
        ({"margin": 2.5}, r"margin must be in \(0, 2\]"),
        ({"average": "sum"}, "average must be 'nonzero' or 'all', got 'sum'"),
        ({"positives": 0}, "positives must be at least 1"),
    ],
)
def test_refuses_arguments_that_make_no_loss(arguments, message):
    with pytest.raises(ValueError, match=message):
        Triplet(**arguments)
