"""The objective: target items go through the model, the weight is applied, health is passed on."""

import pytest
import torch
from torch import nn

from xret.adaptation import Adapted
from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.model.adaptation import Adaptation
from xret.model.dual_encoder import DualEncoder
from xret.model.step import Step


class Spy(nn.Module):
    """An adaptation that remembers what it was given."""

    weight = 0.25
    modalities = ("image",)

    def forward(self, source, target, progress):
        """Remember."""
        self.seen = source, target, progress
        return Adapted(target["image"].sum() if target else source["image"].sum(), {"spied": torch.tensor(3.0)})


class Given(nn.Module):
    """An encoder of stored vectors."""

    def forward(self, inputs):
        """Hand on."""
        return Encoded(inputs["vector"])


def step(extra):
    model = DualEncoder({m: Given() for m in ("image", "text")}, {m: nn.Linear(4, 3) for m in ("image", "text")})
    inputs = {m: {"vector": torch.randn(5, 4)} for m in ("image", "text")}
    numbers = torch.arange(5)
    batch = Batch(inputs, numbers, torch.ones(5), torch.zeros(5, dtype=torch.long), numbers, extra)
    return Step(model, batch, {m: model.encode(m, x) for m, x in inputs.items()}, progress=0.4)


def test_target_items_are_encoded_by_the_same_model_and_the_loss_is_weighted():
    spy, items = Spy(), {"vector": torch.randn(7, 4)}
    now = step({"target": {"image": items}})
    losses = Adaptation(spy)(now)
    source, target, progress = spy.seen
    assert torch.equal(target["image"], now.model.encode("image", items).vector)
    assert torch.equal(source["text"], now.encoded["text"].vector)
    assert progress == 0.4
    assert losses["adaptation"].item() == pytest.approx(0.25 * target["image"].sum().item())
    assert now.health["spied"] == 3


def test_the_projection_learns_from_target_items():
    now = step({"target": {"image": {"vector": torch.randn(7, 4)}}})
    Adaptation(Spy())(now)["adaptation"].backward()
    assert now.model.projections["image"].weight.grad.any()


def test_an_adaptation_without_target_needs_none_in_the_batch():
    spy = Spy()
    spy.modalities = ()
    assert Adaptation(spy)(step({}))["adaptation"].isfinite()
