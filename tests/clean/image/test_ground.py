"""What is seen of a margin's colour beside the subject: white, without a fringe, and no more than that."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from xret.clean.image.margins import Margins

RED = (200, 30, 40)


def disc(ground, fill=(30, 90, 160), hole=None, size=240, smooth=4):
    """A disc with soft edges on a wide margin, and with a hole where ``hole`` is the colour seen in it."""
    large = Image.new("RGB", (size * smooth,) * 2, ground)
    draw = ImageDraw.Draw(large)
    draw.ellipse([size * smooth * s // 8 for s in (2, 2, 6, 6)], fill=fill)
    if hole is not None:
        draw.ellipse([size * smooth * s // 16 for s in (7, 7, 9, 9)], fill=hole)
    return large.resize((size, size), Image.Resampling.BOX)


def cleaned(picture, **arguments):
    outcome = Margins(**arguments)(picture)
    assert "kept 6" in outcome.reason
    return outcome


@pytest.mark.parametrize("ground", [RED, (0, 0, 0), (144, 164, 174), (242, 239, 230)])
def test_the_ground_becomes_white_and_edges_are_those_of_a_disc_on_white(ground):
    outcome = cleaned(disc(ground))
    assert ", white in the rest, kept" in outcome.reason
    wanted = np.asarray(Margins()(disc((255, 255, 255))).value, np.int16)
    found = np.asarray(outcome.value, np.int16)
    assert found.shape == wanted.shape
    away = np.abs(found - wanted).max(axis=2)
    assert (away[found.min(axis=2) == 255] <= 12).all()
    assert away.max() <= 24, "no fringe"
    assert away.mean() < 0.5


def test_it_stays_where_that_is_asked_for():
    outcome = cleaned(disc(RED), ground="keep")
    assert "white" not in outcome.reason
    assert outcome.value.getpixel((0, 0)) == RED


@pytest.mark.parametrize(("ground", "after"), [(RED, (255, 255, 255)), ((0, 0, 0), (0, 0, 0))])
def test_a_hole_shows_a_vivid_ground_but_black_may_be_the_subjects_own(ground, after):
    found = cleaned(disc(ground, hole=ground)).value
    assert found.getpixel((found.width // 2, found.height // 2)) == after


def test_other_colours_in_the_subject_stay():
    found = cleaned(disc(RED, hole=(RED[0], RED[1] + 12, RED[2]))).value
    assert found.getpixel((found.width // 2, found.height // 2)) == (RED[0], RED[1] + 12, RED[2])


@pytest.mark.parametrize("ground", [RED, (0, 0, 0)])
def test_what_is_white_itself_stays_on_its_ground(ground):
    found = cleaned(disc(ground, fill=(252, 252, 252))).value
    assert found.getpixel((0, 0)) == ground


def test_a_photograph_within_a_margin_stays_as_it_is():
    pixels = np.random.default_rng(0).integers(60, 200, (90, 120, 3), dtype=np.uint8)
    picture = Image.new("RGB", (300, 300), RED)
    picture.paste(Image.fromarray(pixels), (60, 80))
    outcome = cleaned(picture)
    assert "white" not in outcome.reason
    assert np.array_equal(outcome.value, pixels)


def test_noise_of_a_large_picture_leaves_no_specks():
    pixels = np.asarray(
        disc(RED, size=1600, smooth=1), np.float32
    )  # it is looked at in a smaller copy, with less noise
    noisy = Image.fromarray(
        (pixels + np.random.default_rng(0).normal(0, 4, pixels.shape)).clip(0, 255).astype(np.uint8)
    )
    outcome = Margins()(noisy)
    assert ", white in the rest, kept" in outcome.reason
    assert (np.asarray(outcome.value)[:100, :100] == 255).all()


def test_opacity_stays():
    picture = disc(RED).convert("RGBA")
    outcome = cleaned(picture)
    assert outcome.value.mode == "RGBA"
    assert outcome.value.getpixel((0, 0)) == (255, 255, 255, 255)


def test_a_picture_without_margins_keeps_its_ground():
    picture = disc(RED).crop((60, 60, 180, 180))
    assert Margins()(picture).value.getpixel((0, 0)) == RED


def test_refuses_a_ground_it_does_not_know():
    with pytest.raises(ValueError, match="ground must be white or keep, got black"):
        Margins(ground="black")
