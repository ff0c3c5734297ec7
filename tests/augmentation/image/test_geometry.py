"""Rotation, scaling, cropping and mirroring on pictures whose outcome is plain."""

import numpy as np

from xret.augmentation.image.crop import Crop
from xret.augmentation.image.flip import Flip
from xret.augmentation.image.rotate import Rotate
from xret.augmentation.image.scale import Scale


def black(px=32):
    return np.zeros((3, px, px), np.uint8)


def draws(operation, picture, count=30):
    return [operation(picture, np.random.default_rng(i)) for i in range(count)]


def test_a_flip_mirrors_left_and_right():
    picture = np.arange(48, dtype=np.uint8).reshape(3, 4, 4)
    assert np.array_equal(Flip(p=1)(picture, np.random.default_rng(0)), picture[:, :, ::-1])


def test_a_turn_lays_bare_corners_of_the_given_brightness_and_keeps_the_middle():
    turned = draws(Rotate(degrees=45, fill=200, p=1), black())
    assert sum(d[0, 0, 0] == 200 for d in turned) > 20  # at small angles the corner's pixel is a mixture
    for picture in turned:
        assert picture.max() <= 200
        assert picture[:, 12:20, 12:20].max() == 0


def test_a_turn_stays_within_its_degrees():
    column = black(65)
    column[:, :, 32] = 255  # an upright line
    for picture in draws(Rotate(degrees=10, fill=0, p=1), column):
        top = picture[0, 2].argmax() - 32
        assert abs(top) <= np.ceil(30 * np.tan(np.radians(10))) + 1
    assert any(abs(p[0, 2].argmax() - 32) > 2 for p in draws(Rotate(degrees=10, fill=0, p=1), column))


def test_scaling_shrinks_to_a_frame_or_enlarges_the_middle():
    small = Scale(least=0.5, most=0.5, fill=255, p=1)(black(), np.random.default_rng(0))
    assert 0.2 < (small == 0).mean() < 0.3  # a quarter of the area
    assert small[:, 0].min() == 255
    square = np.full((3, 32, 32), 255, np.uint8)
    square[:, 12:20, 12:20] = 0
    large = Scale(least=2, most=2, p=1)(square, np.random.default_rng(0))
    assert 3.2 < (large < 128).sum() / (square < 128).sum() < 4.8


def test_a_crop_shows_at_least_the_given_share():
    ramp = np.broadcast_to(np.linspace(0, 255, 64).astype(np.uint8), (3, 64, 64)).copy()
    spans = [int(d.max()) - int(d.min()) for d in draws(Crop(least=0.25, stretch=1, p=1), ramp, 100)]
    assert min(spans) >= 255 * 0.45  # half a side, but for rounding
    assert min(spans) < 255 * 0.7
    assert max(spans) > 255 * 0.9
