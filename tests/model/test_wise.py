"""Weights between two others, by hand."""

import pytest
import torch
from torch import nn

from xret._errors import UserError
from xret.encoder.image.timm import Timm
from xret.encoder.lora import merged
from xret.model.dual_encoder import DualEncoder
from xret.model.wise import interpolate, trained_weights


class Fixed(nn.Module):
    """An encoder of which one matrix trains."""

    modality, width = "text", 2

    def __init__(self):
        super().__init__()
        self.still, self.moves = nn.Linear(2, 2), nn.Linear(2, 2)
        self.still.requires_grad_(False)

    @property
    def frozen(self):
        """Never."""
        return False


def model():
    torch.manual_seed(0)
    return DualEncoder({"text": Fixed()}, {"text": nn.Linear(2, 3)})


def test_a_quarter_of_the_way_is_a_quarter_of_every_weight_that_trains():
    mixed = model()
    start = trained_weights(mixed)
    still = mixed.encoders["text"].still.weight.clone()
    end = {name: weight + 4 for name, weight in start.items()}
    interpolate(mixed, start, end, 0.25)
    for name, weight in trained_weights(mixed).items():
        torch.testing.assert_close(weight, start[name] + 1)
    assert torch.equal(mixed.encoders["text"].still.weight, still)
    for alpha, whole in ((0.0, start), (1.0, end)):
        interpolate(mixed, start, end, alpha)
        assert all(torch.equal(w, whole[n]) for n, w in trained_weights(mixed).items())


def test_what_is_kept_is_a_copy():
    mixed = model()
    start = trained_weights(mixed)
    before = start["projections.text.weight"].clone()
    with torch.no_grad():
        mixed.projections["text"].weight += 1
    assert torch.equal(start["projections.text.weight"], before)
    assert not any("still" in name for name in start)


def test_half_of_an_adapter_is_half_of_its_product():
    pytest.importorskip("peft", reason="the extra lora is not installed")
    torch.manual_seed(0)
    adapted = DualEncoder(
        {"image": Timm("resnet10t", weights=None, image_px=32, train="lora_2")}, {"image": nn.Identity()}
    )
    start, plain = trained_weights(adapted), merged(adapted.encoders["image"]).state_dict()
    end = {name: torch.randn_like(weight) for name, weight in start.items()}
    interpolate(adapted, start, end, 1.0)
    whole = merged(adapted.encoders["image"]).state_dict()
    interpolate(adapted, start, end, 0.5)
    half = merged(adapted.encoders["image"]).state_dict()
    moved = [n for n in plain if plain[n].is_floating_point() and not torch.equal(plain[n], whole[n])]
    assert moved
    for name in moved:
        torch.testing.assert_close(half[name], (plain[name] + whole[name]) / 2, atol=1e-5, rtol=1e-4)


def test_refuses_what_cannot_be():
    mixed = model()
    start = trained_weights(mixed)
    for alpha in (-0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match=r"alpha must be in \[0, 1\]"):
            interpolate(mixed, start, start, alpha)
    with pytest.raises(UserError, match="those of another model"):
        interpolate(mixed, {}, start, 0.5)
