"""A miner that spares suspects, over all miners and filters."""

import pytest
import torch

from xret.false_negatives.margin import Margin
from xret.false_negatives.threshold import Threshold
from xret.miner.distance_weighted import DistanceWeighted
from xret.miner.hard import Hard
from xret.miner.inbatch import InBatch
from xret.miner.random import Random
from xret.miner.semihard import SemiHard
from xret.model.sparing import Sparing

MINERS = {
    "inbatch": InBatch(),
    "hard": Hard(),
    "random": Random(),
    "semihard": SemiHard(2.0),
    "distance_weighted": DistanceWeighted(dim=8),
}


@pytest.mark.parametrize("suspect", [Threshold(0.3), Margin(0.0), Margin(-0.1)], ids=["threshold", "lead", "near"])
@pytest.mark.parametrize("miner", MINERS.values(), ids=MINERS)
def test_no_miner_takes_a_suspect_or_a_positive(miner, suspect):
    torch.manual_seed(0)
    x, y = (torch.nn.functional.normalize(torch.randn(40, 8), dim=1) for _ in range(2))
    scores, positives = x @ y.T, torch.eye(40, dtype=torch.bool)
    suspects = suspect(scores, positives)
    negatives = Sparing(miner, suspect)(scores, positives)
    assert suspects.any()
    assert negatives.any()
    assert not (negatives & (suspects | positives)).any()


def test_the_hardest_that_is_no_suspect_takes_the_place_of_one_that_is():
    scores = torch.tensor([[0.9, 0.95, 0.6, 0.2]])
    positives = torch.tensor([[True, False, False, False]])
    assert Sparing(Hard(), Threshold(0.8))(scores, positives).tolist() == [[False, False, True, False]]


def test_without_suspects_it_is_the_miner():
    torch.manual_seed(0)
    scores, positives = torch.rand(6, 6) - 0.5, torch.eye(6, dtype=torch.bool)
    assert torch.equal(Sparing(SemiHard(), Threshold(1.0))(scores, positives), SemiHard()(scores, positives))


def test_a_row_of_suspects_has_no_negatives():
    scores = torch.tensor([[0.1, 0.9, 0.8]])
    positives = torch.tensor([[True, False, False]])
    for miner in MINERS.values():
        assert not Sparing(miner, Margin(0.5))(scores, positives).any()
