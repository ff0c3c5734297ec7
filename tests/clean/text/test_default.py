"""The text steps of the options default and chinese, together: clean captions stay, dirty ones are mended, fast."""

import random
import time
from functools import cache
from pathlib import Path

import pytest
from hydra import compose, initialize_config_dir
from hydra.utils import instantiate

from xret.data.openmoji import OpenMoji
from xret.data.tuxpaint import TuxPaint

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


@pytest.mark.parametrize(
    "source", [OpenMoji(), OpenMoji(lang="zh"), TuxPaint(symbols=True), TuxPaint(lang="zh_CN", symbols=True)]
)
def test_no_clean_caption_loses_a_letter(source):
    try:
        rows = source.load().rows
    except ValueError as e:
        pytest.skip(str(e))
    fit(dict.fromkeys(row.inputs["text"] for row in rows if row.split == "train"))
    assert [t for t in (row.inputs["text"] for row in rows) if letters(cleaned(t) or "") != letters(t)] == []


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


def test_three_hundred_captions_take_less_than_a_second_of_one_core(english):
    fit(english)
    dirty = [f"★ {caption}!!! free shipping, only $9.99" for caption in english[:300]]
    begin = time.process_time()
    assert all(cleaned(caption) != caption for caption in dirty)
    assert time.process_time() - begin < 1
