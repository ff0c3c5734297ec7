"""Conductance: complete within a stage, as captum has it, and even between stages."""

import pytest
import torch
from captum.attr import LayerConductance

from xret.explain._blur import blurred
from xret.explain._maps import even
from xret.explain.conductance import Conductance
from xret.explain.faithfulness import BLUR


def raw(monkeypatch, **settings):
    """A method whose maps stay as they are: the sum of those of its stages, in their own sizes."""
    seen = []
    monkeypatch.setattr("xret.explain.conductance.even", lambda maps, side: seen.extend(maps) or maps[0])
    return Conductance(**settings), seen


def test_a_stage_that_everything_passes_adds_up_to_the_score_less_that_of_the_blurred_picture(
    tiny, pixels, monkeypatch
):
    encoder = tiny("cnn")
    method, maps = raw(monkeypatch, steps=400, last=3)
    method(encoder.score, encoder, pixels)
    whole, start = encoder.score(torch.stack([pixels, blurred(pixels, BLUR * 32)])).tolist()
    assert len(maps) == 3
    for one in maps:
        assert one.sum().item() == pytest.approx(whole - start, rel=0.03)


def test_it_agrees_with_captum(tiny, pixels, monkeypatch):
    encoder = tiny("cnn")
    method, maps = raw(monkeypatch, steps=200, last=1)
    method(encoder.score, encoder, pixels)
    wanted = LayerConductance(encoder.score, encoder.network.layer3).attribute(
        pixels[None], blurred(pixels, BLUR * 32)[None], n_steps=200
    )
    wanted = wanted[0].sum(dim=0).detach()
    assert maps[0].shape == wanted.shape
    assert torch.allclose(maps[0], wanted, atol=0.05 * wanted.abs().max().item())


def test_stages_have_the_same_say():
    large, small = torch.randn(8, 8, generator=torch.Generator().manual_seed(0)), torch.eye(4)
    assert torch.allclose(even([100 * large, small], 8), even([large, 0.01 * small], 8), atol=1e-6)


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"last": 0}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(ValueError, match="steps and last of at least 1"):
        Conductance(**wrong)
