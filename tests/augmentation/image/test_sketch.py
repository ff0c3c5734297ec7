"""A sketch keeps outlines and forgets colour and filling."""

import numpy as np
import pytest
from scipy import ndimage

from xret.augmentation.image.sketch import Sketch

RNG = np.random.default_rng(0)


def framed(fill, line=(0, 0, 0)):
    """A white picture with a square: an outline of 3 pixels, filled."""
    picture = np.full((3, 48, 48), 255, np.uint8)
    picture[:, 10:38, 10:38] = np.reshape(line, (3, 1, 1))
    picture[:, 13:35, 13:35] = np.reshape(fill, (3, 1, 1))
    return picture


def test_an_even_picture_becomes_white():
    for value in (0, 90, 255):
        assert (Sketch()(np.full((3, 20, 20), value, np.uint8), RNG) == 255).all()


def test_the_outline_is_black_and_the_filling_white():
    drawn = Sketch()(framed((255, 220, 0)), RNG)
    assert drawn.shape == (3, 48, 48)
    assert drawn.dtype == np.uint8
    assert drawn[:, 11, 24].max() < 60
    assert drawn[:, 24, 24].min() == 255
    assert drawn[:, 2, 2].min() == 255


def test_colours_of_one_brightness_are_drawn_alike():
    one, other = Sketch()(framed((255, 0, 0)), RNG), Sketch()(framed((76, 76, 76)), RNG)  # 0.299 * 255 = 76
    assert np.abs(one.astype(int) - other.astype(int)).max() <= 2


def test_it_is_the_difference_of_gaussians_that_scipy_gives():
    picture = np.random.default_rng(1).integers(0, 256, (3, 40, 40), dtype=np.uint8)
    grey = np.tensordot([0.299, 0.587, 0.114], picture, axes=(0, 0)) / 255
    narrow, wide = (ndimage.gaussian_filter(grey, s, mode="mirror", truncate=4) for s in (1.0, 1.6))
    dip = narrow - 0.98 * wide
    slow = np.where(dip >= 0, 255, 255 * (1 + np.tanh(20 * dip)))
    assert np.abs(Sketch(width_px=1.0, sharpness=20)(picture, RNG)[0] - slow).max() < 4


def test_a_picture_is_touched_with_probability_p():
    picture, rng = framed((255, 220, 0)), np.random.default_rng(0)
    untouched = sum(Sketch(p=0.3)(picture, rng) is picture for _ in range(300))
    assert 180 < untouched < 240


@pytest.mark.parametrize("size", [1, 3])
def test_tiny_pictures_are_drawn_too(size):
    assert Sketch()(np.zeros((3, size, size), np.uint8), RNG).shape == (3, size, size)


@pytest.mark.parametrize("wrong", [{"width_px": 0}, {"sharpness": -1}, {"p": 2}])
def test_it_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Sketch(**wrong)
