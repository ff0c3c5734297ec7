"""Integrated gradients: complete, and what captum gives."""

import pytest
import torch
from captum.attr import IntegratedGradients as Captums

from xret.explain._blur import blurred
from xret.explain.faithfulness import BLUR
from xret.explain.integrated_gradients import IntegratedGradients


def test_the_map_adds_up_to_the_score_less_that_of_the_blurred_picture(tiny, pixels):
    encoder = tiny("vit")
    heat = IntegratedGradients(steps=64, smooth=0.0)(encoder.score, encoder, pixels)
    whole, start = encoder.score(torch.stack([pixels, blurred(pixels, BLUR * 32)])).tolist()
    assert heat.sum().item() == pytest.approx(whole - start, rel=0.02)


def test_it_agrees_with_captum(tiny, pixels):
    encoder = tiny("cnn")
    start = blurred(pixels, BLUR * 32)[None]
    wanted = Captums(encoder.score).attribute(pixels[None], start, n_steps=6, method="riemann_middle")[0].sum(dim=0)
    found = IntegratedGradients(steps=6, smooth=0.0, batch=4)(encoder.score, encoder, pixels)
    assert torch.allclose(found, wanted.float(), atol=1e-5 * wanted.abs().max().item() + 1e-7)


def test_smoothing_keeps_the_sum_nearly_and_the_noise_not(tiny, pixels):
    encoder = tiny("cnn")
    rough, smooth = (IntegratedGradients(smooth=s)(encoder.score, encoder, pixels) for s in (0.0, 0.06))
    assert smooth.std() < 0.5 * rough.std()


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"batch": 0}, {"smooth": -0.1}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(ValueError, match="at least 1 and smooth >= 0"):
        IntegratedGradients(**wrong)
