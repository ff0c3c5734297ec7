"""Half transparent lettering in places of its own: found by its letters, told by its ink, taken off flat grounds."""

import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from xret.clean.image.margins import Margins
from xret.clean.image.marks import Marks

INK, OPACITY = 60, 0.5
WHITE = (255, 255, 255)


def scene(seed, ground=None):
    """A picture of a few shapes on a flat ground, and the box that they fill."""
    rng = np.random.default_rng(seed)
    ground = ground or tuple(int(c) for c in rng.integers(150, 256, 3))
    size = tuple(int(n) for n in rng.integers(220, 400, 2))
    picture = Image.new("RGB", size, ground)
    pen = ImageDraw.Draw(picture)
    left, top = (int(n) for n in rng.integers(10, 60, 2))
    pen.ellipse((left, top, left + 70, top + 70), fill=tuple(int(c) for c in rng.integers(0, 130, 3)))
    pen.rectangle((left + 20, top + 20, left + 50, top + 40), fill=(250, 40, 40))
    return picture, (left, top, left + 71, top + 71)


def marked(seed, text="SHOP.XY", ink=INK, opacity=OPACITY, ground=None):
    """The same picture with writing below the shapes, in a size and place of its own."""
    picture, box = scene(seed, ground)
    rng = np.random.default_rng(seed + 10_000)
    font = ImageFont.load_default(int(rng.integers(18, 34)))
    mask = Image.new("L", picture.size, 0)
    at = (int(rng.integers(8, 60)), int(rng.integers(140, picture.height - 45)))
    ImageDraw.Draw(mask).text(at, text, fill=255, font=font)
    over = Image.new("RGB", picture.size, (ink,) * 3)
    return Image.composite(over, picture, mask.point(lambda level: round(level * opacity))), box, mask


@pytest.fixture(scope="module")
def fitted():
    step = Marks()
    step.fit(("shop", marked(i)[0] if i % 3 == 0 else scene(i)[0]) for i in range(60))
    return step


def test_ink_and_opacity_are_told_by_what_they_make_of_grounds(fitted):
    (ink,) = fitted.state()["inks"]
    assert ink["opacity"] == pytest.approx(OPACITY, abs=0.04)
    assert np.array(ink["part"]) / ink["opacity"] == pytest.approx([INK] * 3, abs=12)


def test_a_mark_comes_off_its_ground_and_the_rest_stays(fitted):
    found = 0
    for i in range(100, 120):
        clean, (dirty, _, mask) = np.asarray(scene(i)[0]).astype(int), marked(i)
        outcome = fitted(dirty)
        found += outcome.reason != ""
        beside = np.asarray(mask.point(lambda level: 255 * (level > 0)).convert("L")) == 0
        left = np.abs(np.asarray(outcome.value).astype(int) - clean)
        assert left[beside].max() == 0
        assert left.max() <= 1 or not outcome.reason
    assert found >= 19


def test_without_it_nothing_is_found(fitted):
    for i in range(100, 130):
        picture = scene(i)[0]
        outcome = fitted(picture)
        assert outcome.value is picture
        assert outcome.reason == ""


def test_writing_that_is_darker_than_the_ink_stays(fitted):
    dirty = marked(101, text="elephant", ink=0, opacity=0.72)[0]
    assert fitted(dirty).reason == ""


def test_margins_are_found_behind_it(fitted):
    for i in (103, 105, 107):
        dirty, box, _ = marked(i)
        assert Margins()(dirty).reason.endswith("kept {},{} to {},{}".format(*box)) is False
        assert Margins()(fitted(dirty).value).reason.endswith("kept {},{} to {},{}".format(*box))


def test_reason_tells_where(fitted):
    dirty, _, mask = marked(109)
    words = fitted(dirty).reason.replace("mark within ", "").replace(" to ", ",").split(",")
    assert np.abs(np.subtract([int(n) for n in words], mask.getbbox())).max() <= 3


def test_on_white_alone_dark_writing_is_taken_for_black():
    step = Marks()
    step.fit(("", marked(i, ink=0, opacity=0.3, ground=WHITE)[0]) for i in range(30))
    (ink,) = step.state()["inks"]
    assert ink["opacity"] == pytest.approx(0.3, abs=0.03)
    assert step(marked(50, ink=0, opacity=0.3, ground=WHITE)[0]).reason


def test_opaque_writing_is_no_mark():
    step = Marks()
    step.fit(("", marked(i, opacity=1.0)[0]) for i in range(30))
    assert step.state() == {"inks": []}


def test_different_words_on_each_picture_are_no_mark():
    words = [
        "quiz",
        "jazz",
        "world",
        "lynx",
        "fjord",
        "vamp",
        "pygmy",
        "blink",
        "choked",
        "dwarf",
        "extra",
        "foggy",
        "grunt",
        "hymns",
        "jumbo",
        "knack",
    ]
    step = Marks()
    step.fit(("", marked(i, text=word)[0]) for i, word in enumerate(words))
    assert step.state() == {"inks": []}


def test_what_is_in_one_place_on_all_is_left_to_the_step_watermark():
    dirty = marked(1, ground=WHITE)[0]
    step = Marks()
    step.fit(("", dirty) for _ in range(30))
    assert step.state() == {"inks": []}


def test_few_pictures_with_it_teach_nothing():
    step = Marks()
    step.fit(("", marked(i)[0] if i < 5 else scene(i)[0]) for i in range(40))
    assert step.state() == {"inks": []}


def test_no_more_than_the_sample_is_looked_at():
    step = Marks(sample=12)
    step.fit(("shop", scene(i)[0] if i < 12 else marked(i)[0]) for i in range(40))
    assert step.state() == {"inks": []}


def test_cut_outs_have_no_ground(fitted):
    dirty = marked(111)[0].convert("RGBA")
    assert fitted(dirty).reason
    dirty.putalpha(Image.new("L", dirty.size, 255))
    dirty.paste((0, 0, 0, 0), (0, 0, 60, 60))
    assert fitted(dirty).reason == ""


def test_state_is_json_and_brings_everything_back(fitted):
    other = Marks()
    other.restore(json.loads(json.dumps(fitted.state())))
    for i in range(100, 105):
        dirty = marked(i)[0]
        assert other(dirty).value.tobytes() == fitted(dirty).value.tobytes()


def test_a_sample_that_is_too_small_is_refused():
    with pytest.raises(ValueError, match="sample"):
        Marks(sample=3)


@pytest.mark.parametrize(("text", "found"), [("SHOP.XY", True), ("SHO", False), ("-----", False)])
def test_a_few_faint_pieces_of_the_inks_colour_are_no_writing(fitted, text, found):
    taken = [fitted(marked(i, text)[0]).reason != "" for i in range(100, 110)]
    assert sum(taken) >= 9 if found else sum(taken) <= 1


def test_letters_that_stand_apart_are_no_writing(fitted):
    taken = 0
    for i in range(100, 110):
        picture, _ = scene(i)
        mask = Image.new("L", picture.size, 0)
        for k, letter in enumerate("SHOPXY"):
            at = (12 + (k % 3) * 75, 145 + (k // 3) * 40)
            ImageDraw.Draw(mask).text(at, letter, fill=255, font=ImageFont.load_default(22))
        over = Image.new("RGB", picture.size, (INK,) * 3)
        picture = Image.composite(over, picture, mask.point(lambda level: round(level * OPACITY)))
        taken += fitted(picture).reason != ""
    assert taken <= 1
