"""Quality: what shows nothing goes, however little there is to see stays."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from xret.clean.image.quality import Quality


@pytest.mark.parametrize(
    ("picture", "reason"),
    [
        (Image.new("RGB", (15, 400), "red"), "tiny: 15 x 400 px"),
        (Image.new("RGB", (400, 15), "red"), "tiny: 400 x 15 px"),
        (Image.new("RGB", (64, 64), (1, 2, 3)), "single colour #010203"),
        (Image.new("RGBA", (64, 64), (255, 255, 255, 255)), "single colour #ffffffff"),
        (Image.new("RGBA", (64, 64), (200, 10, 10, 0)), "fully transparent"),
    ],
)
def test_leaves_out_what_shows_nothing(picture, reason):
    outcome = Quality(least_px=16)(picture)
    assert outcome.value is None
    assert outcome.reason == reason


def test_what_lies_under_full_transparency_is_not_seen():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 4), dtype=np.uint8)
    noise[..., 3] = 0
    assert Quality()(Image.fromarray(noise)).reason == "fully transparent"


def test_a_pale_line_on_white_is_something_to_see():
    picture = Image.new("RGB", (300, 300), "white")
    ImageDraw.Draw(picture).line((50, 50, 250, 200), fill=(246, 246, 246))
    assert Quality()(picture).value is picture


def test_a_white_object_on_transparency_is_something_to_see():
    picture = Image.new("RGBA", (100, 100), (255, 255, 255, 0))
    ImageDraw.Draw(picture).ellipse((30, 30, 60, 60), fill="white")
    assert Quality()(picture).value is picture


def test_noise_within_the_tolerance_is_a_single_colour():
    levels = np.random.default_rng(0).integers(100, 104, (64, 64, 3), dtype=np.uint8)
    assert Quality(tolerance=3)(Image.fromarray(levels)).value is None
    assert Quality(tolerance=2)(Image.fromarray(levels)).value is not None


def test_a_difference_in_the_last_of_many_strips_is_seen():
    picture = Image.new("RGB", (3000, 3000))
    picture.putpixel((2999, 2999), (255, 0, 0))
    assert Quality()(picture).value is picture


@pytest.mark.parametrize("wrong", [{"least_px": 0}, {"tolerance": -1}, {"tolerance": 255}])
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Quality(**wrong)
