"""MixGen by hand."""

import numpy as np

from xret.augmentation.pairs.mixgen import MixGen


def test_pictures_are_interpolated_and_captions_joined():
    a, b = np.full((3, 2, 2), 200, np.uint8), np.full((3, 2, 2), 101, np.uint8)
    rng = np.random.default_rng(0)
    assert MixGen(ratio=0.5).image(a, b, rng)[0, 0, 0] in (150, 151)
    assert (MixGen(ratio=0.75).image(a, b, rng) == 175).all()  # 150 + 25.25
    assert MixGen().text("a dog", "a cat", rng) == "a dog a cat"
