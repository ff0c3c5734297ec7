"""What every adaptation keeps to, whichever option is chosen."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate

OPTIONS = sorted(p for p in (Path(__file__).parents[2] / "conf/adaptation").glob("*.yaml") if p.stem != "none")


def made(path):
    node = yaml.safe_load(path.read_text())
    torch.manual_seed(0)
    return instantiate(node | ({"in_dim": 8} if "in_dim" in node else {}))


def vectors(count, seed, dtype=torch.float32):
    found = torch.randn(count, 8, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(found, dim=1).to(dtype)


def batch(counts=(12, 9), dtype=torch.float32):
    source = {m: vectors(counts[0], i, dtype) for i, m in enumerate(("image", "text"))}
    return source, {"image": vectors(counts[1], 7, dtype) + 0.5}


def test_there_are_options():
    assert len(OPTIONS) >= 4


every = pytest.mark.parametrize("path", OPTIONS, ids=lambda p: p.stem)


@every
def test_gives_a_finite_scalar_and_a_gradient_to_the_source(path):
    source, target = batch()
    source["image"].requires_grad_()
    loss, health = made(path)(source, target, 0.5)
    loss.backward()
    assert loss.shape == ()
    assert loss.isfinite()
    assert source["image"].grad.isfinite().all()
    assert source["image"].grad.any()
    assert all(value.shape == () for value in health.values())


@pytest.mark.parametrize("counts", [(12, 1), (1, 12), (1, 1)])
@every
def test_stands_batches_of_one(path, counts):
    source, target = batch(counts)
    source["image"].requires_grad_()
    loss = made(path)(source, target, 0.5).loss
    loss.backward()
    assert loss.isfinite()
    assert source["image"].grad.isfinite().all()


@every
def test_does_not_depend_on_the_order_of_items(path):
    source, target = batch()
    adaptation = made(path)
    mixed = {m: v[torch.randperm(len(v), generator=torch.Generator().manual_seed(3))] for m, v in source.items()}
    turned = {m: v.flip(0) for m, v in target.items()}
    one, other = adaptation(source, target, 0.5).loss, adaptation(mixed, turned, 0.5).loss
    assert one.item() == pytest.approx(other.item(), abs=1e-6)


@every
def test_takes_half_precision(path):
    source, target = batch(dtype=torch.bfloat16)
    single = made(path)(*batch(), 0.5).loss
    assert made(path)(source, target, 0.5).loss.item() == pytest.approx(single.item(), abs=0.05)


@every
def test_carries_weight_and_modalities(path):
    adaptation = made(path)
    assert adaptation.weight > 0
    assert set(adaptation.modalities) <= {"image"}
