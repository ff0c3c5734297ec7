"""Warm-up and cosine against their formula."""

import math

import pytest
import torch

from xret.model.schedule import constant, warmup_cosine


def rates(make, steps):
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=2.0)
    schedule = make(optimizer)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return found


def test_rises_then_falls_along_half_a_cosine():
    found = rates(lambda o: warmup_cosine(o, total_steps=20, warmup_share=0.2), 20)
    rising = [2.0 * (step + 1) / 5 for step in range(4)]
    falling = [2.0 * (1 + math.cos(math.pi * step / 16)) / 2 for step in range(16)]
    assert found == pytest.approx(rising + falling)


def test_constant_stays():
    assert rates(lambda o: constant(o, total_steps=5), 5) == [2.0] * 5


@pytest.mark.parametrize("share", [-0.1, 1.0])
def test_rejects_a_share_that_is_none(share):
    with pytest.raises(ValueError, match="warmup_share must be in"):
        warmup_cosine(torch.optim.SGD([torch.zeros(1)], lr=1.0), 10, share)
