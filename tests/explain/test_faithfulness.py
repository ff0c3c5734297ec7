"""Deletion and insertion: right maps beat random ones, wrong maps lose, and rivals are as smooth as the map."""

import math

import pytest
import torch

from xret.explain._blur import blurred
from xret.explain.faithfulness import alike, faithfulness, removed


def blob(row, column, side=32):
    y, x = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    return torch.exp(-((y - row) ** 2 + (x - column) ** 2) / 40.0)


def test_the_right_map_is_better_than_random_ones_and_its_negative_worse(planted):
    encoder, picture = planted
    for heat, right in ((blob(8, 20), True), (-blob(8, 20), False)):
        found = faithfulness(encoder.score, picture, heat, steps=16, randoms=20)
        assert (found.deletion < found.chance) == right
        assert (found.insertion > found.chance) == right
        assert sum(r < found.deletion for r in found.random) in (range(2) if right else range(18, 21))


def test_areas_by_hand():
    # four pixels that are worth 1, 2, 3 and 4 times what they differ from the mean, 1: in all 1 - 2 - 3 + 4 = 0
    worth = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
    picture = torch.tensor([[2.0, 0.0], [0.0, 2.0]]).expand(3, 2, 2)

    def score(p):
        return ((p[:, 1] - 1) * worth).sum(dim=(1, 2))

    found = faithfulness(score, picture, worth, steps=4, randoms=0, away="mean")
    assert (found.score, found.blank) == (0, 0)
    assert found.deletion == pytest.approx((-4 - 1 + 1) / 4)  # without 4; without 4 and 3; without 4, 3 and 2
    assert found.insertion == pytest.approx((4 + 1 - 1) / 4)  # with 4; with 4 and 3; with 4, 3 and 2
    assert math.isnan(found.chance)


def test_rivals_have_the_spectrum_of_the_map_and_other_places():
    heat, generator = blob(8, 20), torch.Generator().manual_seed(0)
    one, two = alike(heat, generator), alike(heat, generator)
    for rival in (one, two):
        ours, theirs = torch.fft.rfft2(heat).abs(), torch.fft.rfft2(rival).abs()
        inner = (slice(1, 16), slice(1, 16))
        assert torch.allclose(ours[inner], theirs[inner], rtol=1e-3, atol=1e-3)
    assert torch.corrcoef(torch.stack([one.flatten(), two.flatten(), heat.flatten()])).abs().triu(1).max() < 0.6


def test_the_same_seed_draws_the_same_rivals(planted):
    encoder, picture = planted
    one, two, other = (faithfulness(encoder.score, picture, blob(8, 20), seed=s).random for s in (1, 1, 2))
    assert one == two != other


def test_what_is_removed_keeps_the_colour_and_loses_the_details(pixels):
    for away in ("blur", "mean"):
        assert torch.allclose(removed(pixels, away).mean(dim=(1, 2)), pixels.mean(dim=(1, 2)), atol=0.02)
        assert removed(pixels, away).std() < 0.2 * pixels.std()


def test_a_flat_picture_stays_what_it_is_under_a_blur():
    flat = torch.full((3, 20, 30), 0.3)
    assert torch.allclose(blurred(flat, 4.0), flat, atol=1e-6)
    assert torch.equal(blurred(flat, 0.0), flat)


def test_blur_is_wider_than_a_small_picture_without_harm():
    assert blurred(torch.rand(3, 4, 4), 10.0).isfinite().all()


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"randoms": -1}, {"away": "black"}])
def test_settings_outside_their_range_are_refused(wrong, pixels):
    with pytest.raises(ValueError, match="away blur or mean"):
        faithfulness(lambda p: p.sum(dim=(1, 2, 3)), pixels, pixels[0], **wrong)
