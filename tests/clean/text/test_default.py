"""The text steps of the options default and chinese, together: clean captions stay, dirty ones are mended."""

import random
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from xret.data.openmoji import OpenMoji

CONF = Path(__file__).parents[3] / "conf"


@cache
def recipe(name):
    with initialize_config_dir(str(CONF), version_base="1.3"):
        return instantiate(
            compose(overrides=[f"+clean={name}", "clean.image=null", "clean.labels=null", "clean.pairs=null"]).clean
        )


def cleaned(caption, name="default"):
    for step in recipe(name).steps("text").values():
        found = step(caption)
        if found.applied:
            caption = found.value
        if caption is None:
            return None
    return caption


def fit(captions, name="default"):
    for step in recipe(name).steps("text").values():
        if hasattr(step, "fit"):
            step.fit([("", caption) for caption in captions])


def letters(text):
    """Return what a caption says: letters and digits, of one width."""
    return [c for c in text.translate({code: code - 0xFEE0 for code in range(0xFF10, 0xFF5B)}) if c.isalnum()]


@pytest.mark.parametrize("lang", ["en", "zh_CN"])
def test_no_clean_caption_of_a_stamp_loses_a_letter(lang, stamps):
    assert losses(stamps(lang=lang, symbols=True)) == []


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_no_name_of_a_drawing_loses_a_letter(lang):
    assert losses(OpenMoji(lang=lang)) == []


def losses(source):
    """Return the captions that say less when they are cleaned."""
    rows = source.load().rows
    fit(dict.fromkeys(row.inputs["text"] for row in rows if row.split == "train"))
    return [t for t in (row.inputs["text"] for row in rows) if letters(cleaned(t) or "") != letters(t)]


def test_dirt_of_all_kinds_is_taken_off_at_once(english):
    fit(english)
    caption = "caf&eacute; with\u200b a red door, cafÃ© with a red door"
    dirty = f"<p>★★ FREE SHIPPING!! ★★ {caption} ~~~ only $9.99 www.shop.com</p>"
    assert cleaned(dirty) == "café with a red door"
    assert cleaned("【限时优惠】红色连衣裙红色连衣裙~~~ 点击购买！") == "红色连衣裙"
    assert cleaned("...") is None


def test_the_option_chinese_sets_words_apart_in_simplified_characters():
    pytest.importorskip("jieba")
    pytest.importorskip("opencc")
    assert cleaned("包邮！紅色連衣裙", "chinese") == "红色 连衣裙"
    assert "spelling" not in recipe("chinese").steps("text")


def test_a_second_cleaning_finds_nothing_to_do(english):
    fit(english)
    rng = random.Random(1)
    pieces = [
        "free shipping",
        "★",
        "<b>",
        "&amp;",
        "red",
        "dress",
        "!!!",
        "包邮",
        "连衣裙",
        "#sale",
        "@me",
        " - ",
        "(",
        ")",
        "the",
    ]
    for _ in range(2000):
        once = cleaned(" ".join(rng.choices(pieces, k=rng.randint(1, 9))))
        assert once is None or cleaned(once) == once
