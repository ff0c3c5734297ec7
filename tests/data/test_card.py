"""The data card against data whose figures can be counted by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from xret.data.card import card, shown, spread
from xret.data.manifest import Manifest, Rejected, Row


def row(name, picture, text, split="train", **facts):
    return Row(name, facts.pop("group", picture), {"image": picture, "text": text}, split, **facts)


@pytest.fixture
def manifest(tmp_path):
    for name, size, colour in (("a.png", (30, 20), "red"), ("b.png", (30, 20), "red"), ("c.jpg", (10, 40), "blue")):
        Image.new("RGB", size, colour).save(tmp_path / name)
    (tmp_path / "d.svg").write_text("\n<svg/>")
    (tmp_path / "e.png").write_bytes(b"no picture")
    rows = (
        row("1", "a.png", "a red apple", lang="en"),
        row("2", "a.png", "Apple", lang="en"),
        row("3", "b.png", "apple", "val", lang="en", domain="shop"),
        row("4", "c.jpg", "红苹果 of 2024", "test", lang="zh"),
        row("5", "d.svg", "drawn"),
        row("6", "e.png", "broken", group="a.png"),
    )
    lost = (Rejected("7", "empty", ""), Rejected("8", "empty", ""), Rejected("9", "missing", ""))
    return Manifest("fruit", rows, lost, tmp_path, "CC0")


def test_figures_are_those_counted_by_hand(manifest):
    assert card(manifest) == {
        "name": "fruit",
        "licence": "CC0",
        "pairs": {"train": 4, "val": 1, "test": 1},
        "groups": {"train": 2, "val": 1, "test": 1},
        "rejected": {"empty": 2, "missing": 1},
        "modalities": {"image": 6, "text": 6},
        "languages": {"en": 3, "": 2, "zh": 1},
        "domains": {"": 5, "shop": 1},
        "captions": 6,
        "caption_words": {"min": 1, "median": 1, "p95": 5, "max": 5},
        "captions_per_picture": {"min": 1, "median": 1, "p95": 2, "max": 2},
        "pictures": 5,
        "formats": {"PNG": 2, "JPEG": 1, "SVG": 1, "unreadable": 1},
        "width": {"min": 10, "median": 30, "p95": 30, "max": 30},
        "height": {"min": 20, "median": 20, "p95": 40, "max": 40},
        "duplicates": {"captions": 2 / 6, "pictures": 2 / 5},
    }


def test_files_that_differ_in_their_last_byte_are_no_duplicates(tmp_path):
    for name, end in (("a", b"1"), ("b", b"2"), ("c", b"1")):
        (tmp_path / name).write_bytes(bytes(100_000) + end)
    rows = tuple(row(name, name, name) for name in "abc")
    assert card(Manifest("m", rows, root=tmp_path))["duplicates"]["pictures"] == 2 / 3
    assert card(Manifest("m", rows[:2], root=tmp_path))["duplicates"]["pictures"] == 0
    assert card(Manifest("m", rows, root=tmp_path), most=2)["duplicates"]["pictures"] is None


def test_layers_of_one_file_are_two_pictures_and_no_duplicate(tmp_path):
    (tmp_path / "a.svg").write_text("<svg/>")
    found = card(Manifest("m", (row("1", "a.svg", "x"), row("2", "a.svg#line", "y")), root=tmp_path))
    assert (found["pictures"], found["duplicates"]["pictures"]) == (2, 0)


def test_p95_is_the_value_that_95_of_100_do_not_exceed():
    values = np.random.default_rng(0).permutation(np.arange(1, 101)).tolist()
    assert spread(values) == {"min": 1, "median": 50, "p95": 95, "max": 100}
    assert spread([]) == {}


def test_texts_without_pictures_have_a_card_too(tmp_path):
    found = card(Manifest("m", (Row("1", "g", {"text": "a", "title": "b"}, "train"),), root=tmp_path))
    assert (found["pictures"], found["width"], found["duplicates"]) == (0, {}, {"captions": 0, "pictures": None})
    assert "formats" not in shown(found)


def test_what_is_printed_names_every_count_and_is_made_from_json(manifest):
    text = shown(json.loads(json.dumps(card(manifest))))
    for part in ("CC0", "6: train 4, val 1, test 1", "empty 2, missing 1", "en 3, unknown 2, zh 1", "shop 1"):
        assert part in text
    for part in ("p95 5", "PNG 2, JPEG 1", "min 10, median 30", "captions 33.3%, pictures 40.0%"):
        assert part in text
