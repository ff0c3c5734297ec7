"""CutMix by hand."""

import numpy as np

from xret.augmentation.pairs.cutmix import CutMix


def test_one_rectangle_of_the_other_picture_stands_at_its_own_place():
    a = np.zeros((3, 40, 20), np.uint8)
    b = np.random.default_rng(1).integers(1, 256, (3, 40, 20)).astype(np.uint8)
    shares, corners = [], set()
    for i in range(200):
        mixed = CutMix(most=0.4).image(a, b, np.random.default_rng(i))
        taken = mixed[0] > 0
        rows, columns = np.flatnonzero(taken.any(axis=1)), np.flatnonzero(taken.any(axis=0))
        inside = np.zeros_like(taken)
        inside[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] = True
        assert np.array_equal(taken, inside)
        assert np.array_equal(mixed[:, inside], b[:, inside])
        shares.append(inside.mean())
        corners.add((rows[0], columns[0]))
    assert max(shares) <= 0.4
    assert 0.17 < np.mean(shares) < 0.22  # evenly from (0, 0.4]: 0.2, give or take three standard errors and rounding
    assert len(corners) > 50


def test_the_caption_stays():
    assert CutMix().text("a dog", "a cat", np.random.default_rng(0)) == "a dog"
