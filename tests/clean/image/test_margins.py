"""Margins on planted pictures whose subject's box is known by construction."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from xret.clean.image.margins import Margins


def photograph(width, height, seed=0):
    """Noise that is smooth enough to survive JPEG and touches no border colour."""
    small = np.random.default_rng(seed).integers(
        40, 216, (max(2, height // 12), max(2, width // 12), 3), dtype=np.uint8
    )
    return Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST)


def framed(subject, box, size, colour):
    picture = Image.new(subject.mode, size, colour)
    picture.paste(subject, box[:2])
    return picture


def as_jpeg(picture, quality):
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def kept(outcome):
    return outcome.reason.rpartition("kept ")[2]


@pytest.mark.parametrize("colour", ["white", "black", (13, 200, 90), (255, 0, 0)])
def test_crops_to_the_subject_to_the_pixel(colour):
    subject = photograph(120, 96)
    outcome = Margins()(framed(subject, (33, 70), (300, 280), colour))
    assert kept(outcome) == "33,70 to 153,166"
    assert np.array_equal(outcome.value, subject)


@pytest.mark.parametrize("quality", [75, 85, 95])
def test_waves_of_jpeg_are_no_subject(quality):
    picture = as_jpeg(framed(photograph(120, 96), (33, 70), (300, 280), "white"), quality)
    left, top, right, bottom = (int(n) for n in kept(Margins()(picture)).replace(" to ", ",").split(","))
    assert np.abs(np.subtract((left, top, right, bottom), (33, 70, 153, 166))).max() <= 1


def test_reason_tells_the_colour():
    assert "margin of #0a141e," in Margins()(framed(photograph(100, 100), (50, 50), (200, 200), (10, 20, 30))).reason


def test_letterbox_bars_on_two_sides():
    outcome = Margins()(framed(photograph(240, 120), (0, 60), (240, 240), "black"))
    assert kept(outcome) == "0,60 to 240,180"


def test_one_side_alone_is_no_margin():
    assert Margins()(framed(photograph(240, 120), (0, 0), (240, 240), "black")).reason == ""


def test_a_bar_within_a_margin():
    inner = framed(photograph(160, 90), (0, 35), (160, 160), "black")
    outcome = Margins()(framed(inner, (40, 50), (260, 270), "white"))
    assert kept(outcome) == "40,85 to 200,175"
    assert "#ffffff in #000000" in outcome.reason


def test_a_flat_subject_is_no_margin_of_what_is_on_it():
    fridge = Image.new("RGB", (120, 300), (230, 235, 240))
    fridge.paste(photograph(120, 40), (0, 250))
    outcome = Margins()(framed(fridge, (50, 60), (300, 400), (90, 20, 20)))
    assert kept(outcome) == "50,60 to 170,360"


def test_a_picture_without_margins_stays():
    picture = photograph(200, 200)
    outcome = Margins()(picture)
    assert outcome.value is picture
    assert outcome.reason == ""


def test_transparency_goes_and_a_soft_shadow_stays():
    picture = Image.new("RGBA", (200, 200), (9, 9, 9, 0))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((50, 50, 149, 149), fill=(200, 30, 30, 255))
    draw.rectangle((60, 150, 139, 169), fill=(0, 0, 0, 12))
    assert kept(Margins()(picture)) == "50,50 to 150,170"


def test_a_pale_thing_on_white_keeps_all_its_pixels():
    picture = Image.new("RGB", (300, 300), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((100, 100, 200, 200), fill=(235, 235, 240))
    draw.rectangle((60, 190, 240, 219), fill=(249, 249, 249))
    assert kept(Margins()(picture)) == "60,100 to 241,220"


def test_a_pale_area_outlives_jpeg():
    picture = framed(photograph(80, 80), (110, 60), (300, 300), "white")
    picture.paste((244, 244, 244), (40, 150, 260, 240))
    box = [int(n) for n in kept(Margins()(as_jpeg(picture, 85))).replace(" to ", ",").split(",")]
    assert np.abs(np.subtract(box, (40, 60, 260, 240))).max() <= 4


def test_a_noisy_border_is_a_border():
    rng = np.random.default_rng(0)
    clean = np.asarray(framed(photograph(150, 150), (70, 80), (300, 300), (90, 120, 200))).astype(float)
    noisy = Image.fromarray(np.clip(clean + rng.normal(0, 2, clean.shape), 0, 255).astype(np.uint8))
    box = [int(n) for n in kept(Margins()(noisy)).replace(" to ", ",").split(",")]
    assert np.abs(np.subtract(box, (70, 80, 220, 230))).max() <= 3


def test_a_pale_area_is_seen_through_noise_that_is_stronger():
    rng = np.random.default_rng(0)
    levels = np.full((300, 300, 3), 200.0)
    y, x = np.mgrid[:300, :300]
    levels[((x - 150) / 90) ** 2 + ((y - 150) / 60) ** 2 < 1] -= 8
    levels[140:160, 140:160] = 60
    noisy = Image.fromarray(np.clip(levels + rng.normal(0, 2, levels.shape), 0, 255).astype(np.uint8))
    box = [int(n) for n in kept(Margins()(noisy)).replace(" to ", ",").split(",")]
    assert np.abs(np.subtract(box, (60, 90, 240, 210))).max() <= 12


def test_a_gentle_gradient_is_a_border():
    ramp = np.linspace(150, 210, 300)[:, None, None] + np.zeros((300, 300, 3))
    picture = Image.fromarray(ramp.astype(np.uint8))
    picture.paste(photograph(120, 120), (90, 60))
    box = [int(n) for n in kept(Margins()(picture)).replace(" to ", ",").split(",")]
    assert np.abs(np.subtract(box, (90, 60, 210, 180))).max() <= 3


def test_the_outline_of_a_cut_out_is_no_margin():
    picture = Image.new("RGBA", (300, 300), (0, 0, 0, 0))
    ImageDraw.Draw(picture).rectangle((50, 50, 249, 249), fill="yellow", outline="black", width=10)
    ImageDraw.Draw(picture).ellipse((100, 100, 200, 200), fill="red")
    assert kept(Margins()(picture)) == "50,50 to 250,250"


def test_narrow_edges_stay():
    picture = framed(photograph(190, 190), (5, 5), (200, 200), "white")
    assert Margins(least=0.045)(picture).reason == ""
    assert kept(Margins(least=0.02)(picture)) == "5,5 to 195,195"


def test_pad_is_a_share_of_the_longer_side():
    picture = framed(photograph(100, 50), (100, 100), (300, 300), "white")
    assert kept(Margins(pad=0.1)(picture)) == "90,90 to 210,160"


def test_never_less_than_least_side():
    picture = Image.new("RGB", (200, 200), "white")
    picture.paste((0, 0, 0), (190, 96, 198, 104))
    outcome = Margins(least_side=64)(picture)
    assert outcome.value.size == (64, 64)
    assert kept(outcome) == "136,68 to 200,132"


@pytest.mark.parametrize("wrong", [{"least": 1.0}, {"pad": -0.1}, {"least_side": 0}])
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Margins(**wrong)
