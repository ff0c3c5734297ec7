"""Random negatives: how many, how often, and by whose dice."""

import pytest
import torch

from xret.miner.random import Random


def test_draws_k_different_negatives_per_row_and_all_where_there_are_fewer():
    positives = torch.zeros(2, 6, dtype=torch.bool)
    positives[0, 0] = True
    positives[1, :4] = True
    assert Random(k=3)(torch.rand(2, 6), positives).sum(dim=1).tolist() == [3, 2]


def test_every_negative_is_as_likely_as_the_next():
    torch.manual_seed(0)
    positives = torch.zeros(20_000, 5, dtype=torch.bool)
    positives[:, 2] = True
    scores = torch.tensor([0.9, 0.1, 0.5, -0.5, 0.0]).expand(20_000, 5)
    share = Random(k=1)(scores, positives).float().mean(dim=0)
    torch.testing.assert_close(share, torch.tensor([0.25, 0.25, 0.0, 0.25, 0.25]), atol=0.015, rtol=0)


def test_the_seed_decides_and_calls_differ():
    positives = torch.eye(50, dtype=torch.bool)
    draws = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        draws.append(Random()(torch.zeros(50, 50), positives))
    again = Random()(torch.zeros(50, 50), positives)
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[1], draws[2])
    assert not torch.equal(draws[2], again)


def test_refuses_less_than_one_negative():
    with pytest.raises(ValueError, match="k must be at least 1"):
        Random(k=0)
