"""Heat beside the subject: exact on pictures made for it."""

import pytest
import torch

from xret.explain.background import area_outside, by_border, share_outside


def test_the_share_is_exact():
    subject = torch.zeros(10, 10)
    subject[2:6, 2:6] = 1
    heat = torch.zeros(10, 10)
    heat[2:6, 2:6], heat[8, 8], heat[9, 9] = 3 / 16, 1.0, -5.0  # 3 on the subject, 1 beside it; below zero counts not
    assert share_outside(heat, subject) == pytest.approx(0.25)
    assert area_outside(subject) == pytest.approx(0.84)
    assert share_outside(torch.ones(10, 10), subject) == pytest.approx(0.84)
    assert share_outside(-torch.ones(10, 10), subject) == 0.0


def test_half_transparent_pixels_count_half():
    assert share_outside(torch.ones(2, 2), torch.tensor([[1.0, 0.5], [0.5, 0.0]])) == pytest.approx(0.5)


def test_the_subject_is_what_differs_from_the_border():
    picture = torch.full((3, 20, 20), 0.9)
    picture += 0.01 * torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(0))
    picture[0, 5:9, 5:12] = 0.1
    expected = torch.zeros(20, 20)
    expected[5:9, 5:12] = 1
    assert torch.equal(by_border(picture), expected)


def test_a_subject_may_touch_a_little_of_the_border_and_not_much():
    for wide, told in ((4, True), (18, False)):
        picture = torch.ones(3, 20, 20)
        picture[:, 17:, :wide] = 0.0
        assert (by_border(picture) is not None) == told


def test_a_photo_has_no_border_colour():
    assert by_border(torch.rand(3, 20, 20, generator=torch.Generator().manual_seed(0))) is None
