"""Semi-hard mining on rows small enough to check by eye, and against another library."""

import pytest
import torch
import torch.nn.functional as F
from pytorch_metric_learning.distances import CosineSimilarity
from pytorch_metric_learning.miners import TripletMarginMiner

from xret.miner.semihard import SemiHard

# the positive trails every negative; leads by the margin; has one in its band
STRAY = torch.tensor([[0.1, 0.6, 0.5], [0.9, 0.2, 0.3], [0.5, 0.45, 0.9]])
FIRST = torch.tensor([[True, False, False]] * 3)


def test_keeps_only_the_band_below_the_positive():
    # positive, ahead of it, level with it, in the band, below the band
    scores = torch.tensor([[0.50, 0.60, 0.50, 0.45, 0.35]])
    positives = torch.tensor([[True, False, False, False, False]])
    assert SemiHard(margin=0.1)(scores, positives).tolist() == [[False, False, False, True, False]]


def test_measures_from_the_weakest_positive():
    scores = torch.tensor([[0.9, 0.5, 0.85, 0.45]])
    positives = torch.tensor([[True, True, False, False]])
    assert SemiHard(margin=0.1)(scores, positives).tolist() == [[False, False, False, True]]


def test_both_edges_of_the_band_are_open():
    scores = torch.tensor([[0.5, 0.5, 0.25, 0.375]])  # exact in binary
    positives = torch.tensor([[True, False, False, False]])
    assert SemiHard(margin=0.25)(scores, positives).tolist() == [[False, False, False, True]]


def test_half_precision_scores_keep_the_width_of_the_band():
    scores = torch.tensor([[0.5, 0.400390625]], dtype=torch.bfloat16)  # 0.5 - 0.1 itself would be rounded up to that
    positives = torch.tensor([[True, False]])
    assert SemiHard(margin=0.1)(scores, positives).tolist() == [[False, True]]


def test_equals_pytorch_metric_learning_with_one_positive_per_row():
    queries, targets = F.normalize(torch.randn(20, 8), dim=1), F.normalize(torch.randn(20, 8), dim=1)
    labels = torch.arange(20)
    theirs = TripletMarginMiner(margin=0.3, type_of_triplets="semihard", distance=CosineSimilarity())
    mined = theirs(queries, labels, ref_emb=targets, ref_labels=labels.clone())
    expected = torch.zeros(20, 20, dtype=torch.bool)
    expected[mined[0], mined[2]] = True
    assert expected.any()
    assert torch.equal(SemiHard(margin=0.3)(queries @ targets.T, torch.eye(20, dtype=torch.bool)), expected)


def test_without_fallback_a_row_with_an_empty_band_is_skipped():
    assert SemiHard(0.1)(STRAY, FIRST).tolist() == [[False] * 3, [False] * 3, [False, True, False]]


def test_fallback_hardest_takes_the_highest_only_where_the_band_is_empty():
    mined = SemiHard(0.1, "hardest")(STRAY, FIRST)
    assert mined.tolist() == [[False, True, False], [False, False, True], [False, True, False]]


def test_fallback_random_draws_one_negative_only_where_the_band_is_empty():
    torch.manual_seed(0)
    draws = torch.stack([SemiHard(0.1, "random")(STRAY, FIRST) for _ in range(400)])
    assert (draws.sum(dim=2) == 1).all()
    share = draws.float().mean(dim=0)
    torch.testing.assert_close(share[:2], torch.tensor([[0.0, 0.5, 0.5]] * 2), atol=0.1, rtol=0)
    assert share[2].tolist() == [0, 1, 0]


@pytest.mark.parametrize("margin", [0.0, -0.1, 2.5])
def test_rejects_a_margin_outside_the_cosine_range(margin):
    with pytest.raises(ValueError, match=r"margin must be in \(0, 2\]"):
        SemiHard(margin)


def test_rejects_a_fallback_it_does_not_know():
    with pytest.raises(ValueError, match="fallback must be 'skip', 'hardest' or 'random', got 'easy'"):
        SemiHard(fallback="easy")
