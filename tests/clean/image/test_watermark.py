"""Watermarks planted in made-up pictures: found where they are, mended, and nothing else touched."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from xret.clean.image.watermark import Watermark

SIZE = (256, 200)


def scene(seed, size=SIZE):
    """A picture of a few plain shapes."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", size, tuple(int(c) for c in rng.integers(90, 256, 3)))
    draw = ImageDraw.Draw(picture)
    for _ in range(6):
        x, y, w, h = (int(n) for n in rng.integers(0, 160, 4))
        draw.ellipse((x, y, x + w, y + h), fill=tuple(int(c) for c in rng.integers(60, 256, 3)))
    return picture


def shape(size=SIZE, at=(120, 150)):
    mask = Image.new("L", size, 0)
    ImageDraw.Draw(mask).text(at, "SHOP.XY", fill=255, font=ImageFont.load_default(30))
    return mask


def marked(picture, opacity=0.5, at=(120, 150)):
    return Image.composite(
        Image.new("RGB", picture.size, "black"), picture, shape(picture.size, at).point(lambda a: round(a * opacity))
    )


@pytest.fixture(scope="module")
def fitted():
    step = Watermark()
    step.fit(("shop", marked(scene(i)) if i % 2 else scene(i)) for i in range(40))
    return step


def test_tells_pictures_with_it_from_those_without(fitted):
    assert sum(bool(fitted(marked(scene(i))).reason) for i in range(100, 120)) >= 18
    for i in range(100, 120):
        picture = scene(i)
        outcome = fitted(picture)
        assert outcome.value is picture
        assert outcome.reason == ""


def test_what_was_covered_comes_back_and_the_rest_stays(fitted):
    covered = np.asarray(shape()) > 128
    for i in (101, 103, 105):
        clean, dirty = np.asarray(scene(i)).astype(int), marked(scene(i))
        mended = np.asarray(fitted(dirty).value).astype(int)
        before = np.abs(np.asarray(dirty).astype(int) - clean)[covered].mean()
        assert np.abs(mended - clean)[covered].mean() < 0.3 * before
        assert np.array_equal(mended[:140], np.asarray(dirty)[:140])


def test_reason_tells_where(fitted):
    words = fitted(marked(scene(101))).reason.replace("watermark within ", "").replace(" to ", ",").split(",")
    box = Image.fromarray(np.asarray(shape())).getbbox()
    assert np.abs(np.subtract([int(n) for n in words], box)).max() <= 6


def test_a_fifth_of_pictures_of_no_source_is_enough():
    step = Watermark()
    step.fit(("", marked(scene(i)) if i % 5 == 0 else scene(i)) for i in range(100))
    assert sum(bool(step(marked(scene(i))).reason) for i in range(200, 210)) >= 8


def test_what_pictures_share_but_hides_them_is_a_drawing():
    step = Watermark()
    step.fit(("shop", marked(scene(i), opacity=1.0)) for i in range(40))
    assert step(marked(scene(101), opacity=1.0)).reason == ""


def test_pictures_that_share_nothing_teach_nothing():
    step = Watermark()
    step.fit(("shop", scene(i)) for i in range(40))
    assert step.state() == {"overlays": []}


def test_unfitted_it_touches_nothing():
    picture = marked(scene(1))
    assert Watermark()(picture).value is picture


def test_is_found_in_another_size(fitted):
    picture = marked(scene(101)).resize((512, 400), Image.Resampling.BICUBIC)
    assert fitted(picture).reason


def test_at_the_foot_it_is_cut_off():
    step = Watermark(mend="crop")
    step.fit(("shop", marked(scene(i), at=(100, 165))) for i in range(40))
    outcome = step(marked(scene(101), at=(100, 165)))
    assert outcome.value.width == SIZE[0]
    assert 150 <= outcome.value.height <= 175


def test_report_is_a_proposal(fitted):
    step = Watermark(mend="report")
    step.restore(fitted.state())
    outcome = step(marked(scene(101)))
    assert outcome.reason
    assert not outcome.applied


def test_state_is_json_and_brings_everything_back(fitted):
    other = Watermark()
    other.restore(json.loads(json.dumps(fitted.state())))
    for i in range(100, 110):
        assert other(marked(scene(i))).value.tobytes() == fitted(marked(scene(i))).value.tobytes()


def test_no_more_than_the_sample_is_kept():
    step = Watermark(sample=12)
    step.fit(("shop", scene(i) if i < 12 else marked(scene(i))) for i in range(60))
    assert step.state() == {"overlays": []}


@pytest.mark.parametrize("wrong", [{"mend": "paint"}, {"sample": 3}, {"least_share": 0}])
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Watermark(**wrong)
