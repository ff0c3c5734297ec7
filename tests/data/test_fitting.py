"""Fits are undone: what lies at a place of the square lies at that place of the picture."""

import numpy as np
import pytest
from PIL import Image

from xret.data.fitting import fitted, onto_original

SIDE = 64


def spot(width, height, column, row):
    """A white picture with a black spot of a tenth of its shorter side."""
    picture = np.full((height, width, 3), 255, np.uint8)
    reach = max(1, min(width, height) // 20)
    picture[row - reach : row + reach, column - reach : column + reach] = 0
    return Image.fromarray(picture)


@pytest.mark.parametrize("fit", ["crop", "pad", "squash"])
@pytest.mark.parametrize(
    ("width", "height", "column", "row"), [(200, 100, 80, 30), (90, 160, 30, 100), (64, 64, 9, 50)]
)
def test_a_spot_comes_back_to_its_place(fit, width, height, column, row):
    square = 255 - np.asarray(fitted(spot(width, height, column, row), SIDE, fit), dtype=np.float32).mean(axis=-1)
    back = onto_original(square, width, height, fit)
    assert back.shape == (height, width)
    assert back.dtype == np.float32
    y, x = np.mgrid[0:height, 0:width] + 0.5
    warm = np.where(back > back.max() / 2, back, 0)
    assert abs((warm * y).sum() / warm.sum() - row) < 1.5
    assert abs((warm * x).sum() / warm.sum() - column) < 1.5


def test_what_a_crop_has_cut_away_is_zero():
    back = onto_original(np.ones((SIDE, SIDE), np.float32), 200, 100, "crop")
    assert (back[:, :50] == 0).all()
    assert (back[:, 150:] == 0).all()
    assert (back[:, 50:150] == 1).all()


def test_the_margins_of_a_pad_are_gone():
    square = np.zeros((SIDE, SIDE), np.float32)
    square[16:48] = 1  # where a picture twice as wide as high lies
    assert onto_original(square, 200, 100, "pad").min() > 0.99


def test_an_unknown_fit_is_refused():
    with pytest.raises(ValueError, match="fit must be one of"):
        onto_original(np.zeros((4, 4), np.float32), 4, 4, "stretch")
