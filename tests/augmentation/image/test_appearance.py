"""Colour, RandAugment and erasing on pictures whose outcome is plain."""

import numpy as np

from xret.augmentation.image.colour import Colour
from xret.augmentation.image.erase import Erase
from xret.augmentation.image.randaugment import RandAugment


def draws(operation, picture, count=40):
    return [operation(picture, np.random.default_rng(i)) for i in range(count)]


def test_brightness_is_a_factor_within_its_bounds():
    grey = np.full((3, 8, 8), 100, np.uint8)
    values = [int(d[0, 0, 0]) for d in draws(Colour(0.2, 0, 0, 0, p=1), grey)]
    assert 79 <= min(values) < 90
    assert 110 < max(values) <= 121


def test_without_hue_and_saturation_red_stays_red():
    red = np.zeros((3, 8, 8), np.uint8)
    red[0] = 200
    for picture in draws(Colour(0.3, 0, 0, 0, p=1), red):
        assert picture[1:].max() == 0
    turned = [int(d[1:].max()) for d in draws(Colour(0, 0, 0, 0.5, p=1), red)]
    assert max(turned) > 100


def test_what_is_erased_is_one_rectangle_of_the_given_size():
    white = np.full((3, 50, 50), 255, np.uint8)
    shares = []
    for picture in draws(Erase(least=0.1, most=0.3, p=1), white, 60):
        rows, columns = np.nonzero((picture != 255).any(axis=0))
        box = (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        shares.append(box / 2500)
        inside = picture[:, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
        assert 100 < inside.mean() < 155  # noise over the whole range
    assert min(shares) > 0.08
    assert max(shares) < 0.32
    assert max(shares) - min(shares) > 0.1


def test_more_magnitude_changes_more():
    picture = np.random.default_rng(0).integers(0, 256, (3, 24, 24)).astype(np.uint8)

    def distance(magnitude):
        made = draws(RandAugment(operations=1, magnitude=magnitude, p=1), picture, 60)
        return np.mean([np.abs(m.astype(int) - picture).mean() for m in made])

    assert distance(2) < distance(25)
