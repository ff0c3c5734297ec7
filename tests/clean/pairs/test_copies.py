"""Copies: all that were planted, and nothing else."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw

from xret.clean.pairs import _copies
from xret.clean.pairs._alignment import warped
from xret.clean.pairs._copies import copies


@pytest.fixture(scope="module")
def found(planted):
    return copies([planted[:50], planted[50:]], 12.0)


def test_every_changed_picture_is_found_and_no_other_pair(found):
    assert {copy[:2] for copy in found} == {(i, 60 + i) for i in range(60)}


def test_only_what_was_mirrored_is_said_to_be(found):
    assert [copy.mirrored for copy in found] == [copy.first >= 36 for copy in found]  # the fourth and the fifth kind


def test_pictures_do_not_depend_on_blocks_or_cells(planted, found, monkeypatch):
    assert copies([planted], 12.0) == found
    monkeypatch.setattr(_copies, "_MANY", 10)
    assert copies([planted], 12.0) == found


def face(mouth, skin="yellow", flip=False):
    picture = Image.new("RGB", (64, 64), "white")
    pen = ImageDraw.Draw(picture)
    pen.ellipse((6, 6, 58, 58), fill=skin, outline="black", width=2)
    pen.ellipse((20, 22, 26, 28), fill="black")
    pen.ellipse((38, 22, 44, 28), fill="black")
    if mouth == "smile":
        pen.arc((20, 26, 44, 48), 20, 160, fill="black", width=2)
    elif mouth == "frown":
        pen.arc((20, 40, 44, 60), 200, 340, fill="black", width=2)
    else:
        pen.line((22, 44, 42, 44), fill="black", width=2)
    return np.asarray(picture)


def test_what_differs_in_one_place_or_in_colour_is_no_copy():
    alike = [face("smile"), face("frown"), face("line"), face("smile", "orange"), face("smile", "gold")]
    assert copies([np.stack(alike)], 12.0) == []


def test_another_ground_is_another_picture():
    white = face("smile")
    beige = np.where((white == 255).all(2, keepdims=True), np.array([245, 245, 220], np.uint8), white)
    assert copies([np.stack([white, beige])], 12.0) == []


@pytest.mark.parametrize("quality", [40, 60])
def test_a_small_sign_in_full_colours_is_found_through_jpeg_that_pales_them(quality):
    sign = Image.new("RGB", (100, 100), "white")
    pen = ImageDraw.Draw(sign)
    pen.polygon([(50, 4), (4, 90), (96, 90)], fill="red")
    pen.polygon([(50, 24), (22, 80), (78, 80)], fill="white")
    pen.line((38, 48, 62, 72), fill="black", width=6)
    file = io.BytesIO()
    sign.save(file, "JPEG", quality=quality)
    pictures = [np.asarray(picture.resize((64, 64))) for picture in (sign, Image.open(file).convert("RGB"))]
    assert len(copies([np.stack(pictures)], 12.0)) == 1


def test_of_equal_pictures_each_is_a_copy_of_the_first_and_blank_ones_have_none():
    blank, one, other = np.full((64, 64, 3), 7, np.uint8), face("smile"), face("frown")
    found = copies([np.stack([blank, one, other, one, blank, one])], 12.0)
    assert [copy[:3] for copy in found] == [(1, 3, 0.0), (1, 5, 0.0)]


def test_nothing_to_compare_gives_nothing():
    assert copies([], 12.0) == []
    assert copies([face("smile")[None]], 12.0) == []


def test_other_sizes_are_refused():
    with pytest.raises(ValueError, match="64, 64, 3"):
        copies([np.zeros((1, 32, 32, 3), np.uint8)], 12.0)


def test_a_picture_is_laid_over_another_point_by_point():
    b = np.random.default_rng(0).random((1, 8, 8, 1)).astype(np.float32)
    seen, within = warped(b, np.array([[1, 1 / 8, 1, 0]], np.float32))  # one point down
    np.testing.assert_allclose(seen[0, :7], b[0, 1:], atol=1e-6)
    assert within[0, :, 0, 0].tolist() == [1] * 7 + [0]
