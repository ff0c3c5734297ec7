"""Every name gives the pooling it says, seen in what it does to three tokens."""

import pytest
import torch

from xret.encoder.pooling.choice import IMAGE, POOLINGS, TEXT, make_pooling

TOKENS = torch.tensor([[[1.0], [9.0], [5.0]]])


@pytest.mark.parametrize(("name", "value"), [("cls", 1.0), ("mean", 5.0), ("avg", 5.0), ("max", 9.0)])
def test_name_says_what_is_done(name, value):
    assert make_pooling(name, [name])(TOKENS).item() == value


def test_gem_lies_between_mean_and_maximum_and_gpo_learns():
    assert 5 < make_pooling("gem", IMAGE)(TOKENS).item() < 9
    assert sum(p.numel() for p in make_pooling("gpo", TEXT).parameters()) > 100


def test_every_pooling_is_allowed_somewhere_and_no_other():
    assert set(TEXT) | set(IMAGE) == set(POOLINGS)
    with pytest.raises(ValueError, match="pooling must be one of cls, mean, max, gpo, got 'avg'"):
        make_pooling("avg", TEXT)
