"""Pictures: the true box is where subject pixels are, a watermark changes what it says and nothing else."""

import io
import math

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from xret.dirt import _margins, _watermark
from xret.dirt.draws import Draws
from xret.dirt.images import Images

KINDS = ("margins", "watermark", "rotation", "jpeg")
NONE = dict.fromkeys(KINDS, 0.0)
NAMES = [f"{i}.png" for i in range(60)]


def only(*kinds, **more):
    return Images(**{**NONE, **dict.fromkeys(kinds, 1.0), **more})


def cut_out(size=(90, 60), box=(20, 5, 71, 50)):
    """A blue bar on nothing."""
    picture = Image.new("RGBA", size, (0, 0, 0, 0))
    ImageDraw.Draw(picture).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=(17, 34, 251, 255))
    return picture


def photograph(size=(80, 64)):
    levels = np.random.default_rng(0).integers(60, 190, (size[1] // 8, size[0] // 8, 3), dtype=np.uint8)
    return Image.fromarray(levels).resize(size, Image.Resampling.NEAREST)


def opened(found):
    return np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(found.data))).convert("RGB")).astype(int)


def where(mask):
    """The box of what is true in a mask, by its own rows and columns."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return [columns[0], rows[0], columns[-1] + 1, rows[-1] + 1]


def colour_of(text):
    return [int(text[i : i + 2], 16) for i in (1, 3, 5)]


@pytest.mark.parametrize("pool", ["seen", "unseen"])
@pytest.mark.parametrize("picture", [cut_out(), photograph()], ids=["cut-out", "photograph"])
def test_the_box_is_where_subject_pixels_are_and_all_else_is_of_one_colour(picture, pool):
    for name in NAMES:
        found = only("margins")(picture, name, Draws(0, pool))
        (planted,) = found.planted
        pixels = opened(found)
        subject = (pixels != colour_of(planted.what["colour"])).any(axis=2)
        assert list(planted.what["box"]) == where(subject)
        left, top, right, bottom = planted.what["frame"]
        assert (right - left, bottom - top) == picture.size
        if picture.mode == "RGBA":
            assert list(planted.what["box"]) == [left + 20, top + 5, left + 71, top + 50]
        else:
            assert list(planted.what["box"]) == [left, top, right, bottom]
            assert (pixels[top:bottom, left:right] == np.asarray(picture)).all()


@pytest.mark.parametrize(("least", "most"), [(0.1, 0.8), (0.3, 0.35)])
def test_margins_take_the_share_of_the_side_that_was_asked_for(least, most):
    taken = []
    for name in NAMES:
        (planted,) = only("margins", least=least, most=most, max_px=2000)(photograph(), name, Draws()).planted
        height, width, _ = opened(
            only("margins", least=least, most=most, max_px=2000)(photograph(), name, Draws())
        ).shape
        left, top, right, bottom = planted.what["frame"]
        assert 0 <= left <= right <= width
        assert 0 <= top <= bottom <= height
        taken += [1 - (right - left) / width, 1 - (bottom - top) / height]
    margins = [share for share in taken if share > 0]
    assert least - 0.02 < min(margins)
    assert max(margins) < most + 0.02
    assert max(margins) - min(margins) > 0.8 * (most - least)


@pytest.mark.parametrize("size", [(96, 40), (40, 96)])
def test_margins_on_one_axis_alone_make_a_picture_squarer(size):
    seen = 0
    for name in NAMES:
        found = only("margins", least=0.2, max_px=2000)(photograph(size), name, Draws())
        height, width, _ = opened(found).shape
        left, top, right, bottom = found.planted[0].what["frame"]
        if (right - left == width) != (bottom - top == height):
            seen += 1
            assert (right - left == width) == (size[0] > size[1])
    assert seen > 3


def test_large_pictures_become_smaller_within_their_margins():
    for name in NAMES[:20]:
        found = only("margins", max_px=64)(photograph((320, 240)), name, Draws())
        assert max(opened(found).shape) <= 64
        left, top, right, bottom = found.planted[0].what["frame"]
        assert (right - left) / (bottom - top) == pytest.approx(320 / 240, rel=0.12)


def test_pale_and_strong_colours_and_all_places_occur():
    found = [only("margins")(photograph(), f"{i}", Draws()).planted[0].what for i in range(200)]
    assert {w["colour"] for w in found} == set(_margins._COLOURS["seen"])
    assert sum(min(colour_of(w["colour"])) > 220 for w in found) > 80


def test_a_picture_of_the_margins_colour_alone_has_no_subject_and_gets_no_margins():
    for name in NAMES[:5]:
        assert only("margins")(Image.new("RGBA", (50, 50), (0, 0, 0, 0)), name, Draws()) is None


@pytest.mark.parametrize("pool", ["seen", "unseen"])
def test_a_watermark_changes_pixels_in_its_box_alone_and_by_its_opacity(pool):
    before = np.asarray(photograph((480, 384))).astype(int)
    opacities = set()
    for seed in range(12):
        found = only("watermark")(photograph((480, 384)), "a.png", Draws(seed, pool))
        (planted,) = found.planted
        after = opened(found)
        changed = (after != before).any(axis=2)
        assert list(planted.what["box"]) == where(changed)
        opacity = planted.what["opacity"]
        opacities.add(opacity)
        full = before * (1 - opacity) + np.array(colour_of(planted.what["colour"])) * opacity
        assert (np.abs(after - full).max(axis=2) <= 2).sum() > 20, "letters of full strength"
        strongest = np.abs(after - before).max(axis=2)
        assert strongest.max() <= opacity * 255 + 1
        assert 0.2 <= opacity <= 0.6
    assert len(opacities) > 2
    assert opacities <= set(_watermark._OPACITIES[pool])


def test_tiles_cover_the_picture_and_single_marks_do_not():
    kinds = set()
    for seed in range(40):
        found = only("watermark")(photograph((160, 128)), "a.png", Draws(seed))
        what = found.planted[0].what
        kinds.add(what["tiled"])
        left, top, right, bottom = what["box"]
        covered = (right - left) * (bottom - top) / (160 * 128)
        assert covered > 0.6 if what["tiled"] else covered < 0.6
    assert kinds == {True, False}


def test_pictures_of_a_shop_have_the_same_marks():
    found = [only("watermark", designs=3)(photograph(), name, Draws()).planted[0].what for name in NAMES]
    assert len({(w["design"], w["text"], w["font"], w["opacity"], w["colour"]) for w in found}) == 3
    assert len({w["design"] for w in found}) == 3


def test_a_bright_mark_is_seen_on_white():
    for seed in range(60):
        found = only("watermark")(Image.new("RGB", (120, 90), "white"), "a.png", Draws(seed))
        assert found is not None


def test_a_turned_picture_is_upright_for_who_reads_its_tag_and_lies_for_who_does_not():
    for name in NAMES[:12]:
        found = only("rotation")(photograph((96, 48)), name, Draws())
        assert found.suffix == ".jpg"
        stored = Image.open(io.BytesIO(found.data))
        assert np.abs(opened(found) - np.asarray(photograph((96, 48)))).mean() < 6
        lying = np.asarray(stored.convert("RGB")).astype(int)
        orientation = found.planted[0].what["orientation"]
        assert stored.size == ((96, 48) if orientation == 3 else (48, 96))
        if orientation == 3:
            assert np.abs(lying - np.asarray(photograph((96, 48)))).mean() > 20


def test_jpeg_is_the_quality_it_says():
    sizes = {}
    for name in NAMES:
        found = only("jpeg")(photograph((96, 96)), name, Draws())
        sizes[found.planted[0].what["quality"]] = len(found.data)
        error = np.abs(opened(found) - np.asarray(photograph((96, 96)))).mean()
        assert error > 1
    assert [sizes[q] for q in sorted(sizes)] == sorted(sizes.values())
    assert len(sizes) == 4


@pytest.mark.parametrize("kind", KINDS)
def test_shares_are_within_five_sigma(kind):
    images = Images(**{**NONE, kind: 0.3})
    count = sum(images.wants(f"{i}", Draws(2)) for i in range(2000))
    assert abs(count - 600) < 5 * math.sqrt(2000 * 0.3 * 0.7)


def test_what_wants_no_dirt_gets_none_and_what_wants_it_gets_it():
    images = Images(margins=0.2, watermark=0.2, rotation=0.1, jpeg=0.1)
    for name in NAMES:
        found = images(photograph(), name, Draws())
        assert images.wants(name, Draws()) == (found is not None)
        if found is not None:
            kind = Image.open(io.BytesIO(found.data)).format
            assert (kind, found.suffix) in {("PNG", ".png"), ("JPEG", ".jpg")}


def test_same_name_and_seed_same_bytes():
    one, other, third = (
        [Images(margins=1.0, jpeg=0.5)(photograph(), name, Draws(seed)).data for name in NAMES[:8]]
        for seed in (0, 0, 1)
    )
    assert one == other
    assert all(a != b for a, b in zip(one, third, strict=True))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margins": 1.2}, r"margins must be in \[0, 1\]"),
        ({"least": 0.9}, "0 < least <= most < 1"),
        ({"most": 1.0}, "0 < least <= most < 1"),
        ({"max_px": 8}, "at least 32"),
        ({"designs": 0}, "watermark=0 plants none"),
    ],
)
def test_rejects_arguments_outside_their_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Images(**arguments)
