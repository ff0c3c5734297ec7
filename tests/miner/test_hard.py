"""Hard mining against rows to check by eye, a sort and another library."""

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.miners import BatchHardMiner

from xret.miner.hard import Hard


def test_keeps_the_highest_that_is_no_positive():
    scores = torch.tensor([[0.9, 0.2, 0.7, 0.8], [-0.9, -0.2, -0.7, -0.8]])
    positives = torch.tensor([[True, False, False, True], [True, False, False, False]])
    assert Hard()(scores, positives).tolist() == [[False, False, True, False], [False, True, False, False]]


@pytest.mark.parametrize("k", [1, 2, 5, 100])
def test_keeps_the_head_of_the_sorted_row(k):
    scores = torch.rand(7, 9)
    positives = torch.rand(7, 9) < 0.4
    positives[:, 0] = True
    mined = Hard(k)(scores, positives)
    for row in range(7):
        ranked = sorted((~positives[row]).nonzero().flatten().tolist(), key=lambda j: -scores[row, j].item())
        assert mined[row].nonzero().flatten().tolist() == sorted(ranked[:k])


@pytest.mark.parametrize("k", [1, 2])
def test_keeps_no_more_than_k_of_equal_scores(k):
    positives = torch.eye(6, dtype=torch.bool)
    assert Hard(k)(torch.zeros(6, 6), positives).sum(dim=1).tolist() == [k] * 6


def test_equals_pytorch_metric_learning():
    queries, targets = F.normalize(torch.randn(12, 8), dim=1), F.normalize(torch.randn(12, 8), dim=1)
    labels = torch.arange(12) // 3
    mined = BatchHardMiner(distance=CosineSimilarity())(queries, labels, ref_emb=targets, ref_labels=labels.clone())
    expected = torch.zeros(12, 12, dtype=torch.bool)
    expected[mined[0], mined[2]] = True
    assert torch.equal(Hard()(queries @ targets.T, labels[:, None] == labels[None, :]), expected)


def test_refuses_less_than_one_negative():
    with pytest.raises(ValueError, match="k must be at least 1"):
        Hard(k=0)
