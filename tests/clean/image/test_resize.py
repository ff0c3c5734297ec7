"""Resize: a budget, and only ever smaller."""

import numpy as np
import pytest
from PIL import Image

from xret.clean.image.resize import Resize


@pytest.mark.parametrize(
    ("size", "expected"),
    [((2000, 1000), (100, 50)), ((1000, 2000), (50, 100)), ((5000, 3), (100, 1)), ((100, 100), (100, 100))],
)
def test_longer_side_meets_the_budget_and_the_shape_stays(size, expected):
    assert Resize(image_px=100)(Image.new("RGB", size)).value.size == expected


def test_never_makes_larger():
    picture = Image.new("RGB", (100, 40))
    outcome = Resize(image_px=100)(picture)
    assert outcome.value is picture
    assert outcome.reason == ""


def test_reason_tells_both_sizes():
    assert Resize(image_px=10)(Image.new("RGB", (20, 10))).reason == "20 x 10 px made 10 x 5"


def test_colour_under_transparency_does_not_bleed():
    pixels = np.zeros((64, 64, 4), np.uint8)
    pixels[:, ::2] = (255, 255, 255, 255)
    pixels[:, 1::2] = (255, 0, 0, 0)  # red that is not seen
    small = np.asarray(Resize(image_px=16)(Image.fromarray(pixels)).value)
    assert small[..., 1].min() >= 250  # white stays white


def test_refuses_a_budget_of_nothing():
    with pytest.raises(ValueError, match="image_px"):
        Resize(image_px=0)
