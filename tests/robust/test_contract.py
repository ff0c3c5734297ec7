"""What every scheme of `xret.robust` holds to."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate

CONF = Path(__file__).parents[2] / "conf/robust"
OPTIONS = sorted(path.stem for path in CONF.glob("*.yaml") if path.stem != "none")
ROWS = torch.arange(40)
LOSSES = torch.cat([torch.full((24,), 0.2), torch.full((16,), 5.0)]) + torch.linspace(0, 0.1, 40)


@pytest.fixture(params=OPTIONS)
def make(request):
    return lambda rows=40: instantiate(yaml.safe_load((CONF / f"{request.param}.yaml").read_text()), rows=rows)


def test_there_are_options():
    assert len(OPTIONS) >= 2


def test_pairs_of_large_loss_end_up_lighter(make):
    robust = make()
    for epoch in range(6):
        robust.renew(epoch)
        weight = robust(ROWS, LOSSES)
    assert weight.min() >= 0
    assert weight.max() <= 1
    assert weight[24:].max() < weight[:24].min()
    assert robust.doubted().tolist() == [False] * 24 + [True] * 16
    assert robust.known.all()


def test_everything_is_remembered_in_buffers(make):
    one, other = make(), make()
    for epoch in range(5):
        one.renew(epoch)
        one(ROWS, LOSSES)
    other.load_state_dict(one.state_dict())
    for robust in (one, other):
        robust.renew(5)
    assert torch.equal(one(ROWS.flip(0), LOSSES), other(ROWS.flip(0), LOSSES))
    assert torch.equal(one.weight(), other.weight())
    assert not list(one.parameters())


def test_the_order_of_a_batch_does_not_matter(make):
    one, other = make(), make()
    order = torch.randperm(40, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(one(ROWS, LOSSES)[order], other(ROWS[order], LOSSES[order]))
    torch.testing.assert_close(one.weight(), other.weight())


def test_no_gradient_flows_and_half_precision_will_do(make):
    loss = LOSSES.bfloat16().requires_grad_()
    weight = make()(ROWS, loss)
    assert weight.dtype == torch.float32
    assert not weight.requires_grad
    assert weight.isfinite().all()


def test_a_verdict_before_training_weighs_and_rows_without_one_are_ordinary(make):
    robust = make(42)
    assert robust.weight().unique().tolist() == [1.0]
    assert not robust.doubted().any()
    robust.judge(ROWS, LOSSES)
    weight = robust.weight()
    assert weight[24:40].max() < weight[:24].min()
    assert weight[40] >= weight[:40].mean()
    assert robust.known.tolist() == [True] * 40 + [False] * 2
