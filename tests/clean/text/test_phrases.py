"""Promotion around captions, and captions that sound a little like it."""

import itertools
from importlib.resources import files

import pytest

from xret._errors import UserError
from xret.clean.text.phrases import Phrases

FORMS = [
    "{p}! {c}",
    "{p}: {c}",
    "{c} - {p}",
    "{c} ({p})",
    "【{p}】{c}",
    "★{p}★ {c}",
    "{c} | {p}!!!",
    "{p} - {c}",
    "{c} {p}",
    "{c}, {p}.",
]


def shipped(language):
    text = (files("xret.clean.text") / "data" / f"phrases_{language}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.fixture(scope="module")
def phrases():
    return Phrases()


@pytest.mark.parametrize("language", ["en", "zh"])
def test_every_phrase_of_the_lists_goes_in_every_form(phrases, language):
    listed = [p.replace("{n}", "20") for p in shipped(language)]
    assert len(listed) > 100
    assert len(set(listed)) == len(listed)
    for phrase, form in itertools.product(listed, FORMS):
        for caption, spelt in (("A red dress with flowers", phrase.upper()), ("红色连衣裙", phrase)):
            dirty = form.format(p=spelt, c=caption)
            assert phrases(dirty).value == caption, dirty


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("A flower. Free shipping!", "A flower."),
        ("FREE - Shipping!! A flower.", "A flower."),
        ("red dress, only $9.99", "red dress"),
        ("red dress now $9.99!", "red dress"),
        ("50% off red dress", "red dress"),
        ("Save up to 50% off today! red dress", "red dress"),
        ("red dress 20 percent off", "red dress"),
        ("Top 10 best seller: red dress", "red dress"),
        ("red dress #fashion #sale", "red dress"),
        ("red dress https://shop.example.com/a?b=1", "red dress"),
        ("red dress - www.example.com", "red dress"),
        ("red dress at example.com/dress", "red dress at"),
        ("red dress @fashion_shop", "red dress"),
        ("red dress, mail me@example.com", "red dress, mail"),
        ("red dress call 555-123-4567", "red dress"),
        ("红色连衣裙 微信：abc12345", "红色连衣裙"),
        ("红色连衣裙 QQ: 12345678", "红色连衣裙"),
        ("红色连衣裙 电话13812345678", "红色连衣裙"),
        ("红色连衣裙 仅售99元", "红色连衣裙"),
        ("红色连衣裙，限时优惠，点击购买", "红色连衣裙"),
        ("包邮红色连衣裙满100减20", "红色连衣裙"),
        ("a dress, free shipping, with flowers", "a dress, with flowers"),
    ],
)
def test_patterns_and_seams(phrases, dirty, clean):
    found = phrases(dirty)
    assert found.value == clean
    assert found.reason.startswith("promotion: ")


@pytest.mark.parametrize(
    "caption",
    [
        "A European coin of 10 cents (0.10 €).",
        "free shipping",
        "click to buy now!",
        "点击购买",
        "the new arrival",
        "a shipping container, free of rust",
        "keycap #",
        "a sign that says 50 %",
        "a $5 bill",
        "Clicker to buyers",
        "3折伞",
        "two people shop",
        "top 10",
        "6x7=42",
        "Dr. No.",
        "12345678901",
        "🍕",
        "https://example.com",
    ],
)
def test_content_stays(phrases, caption):
    assert phrases(caption).value == caption
    assert phrases(caption).reason == ""


def test_a_pictograph_is_content(phrases):
    assert phrases("🍕 free shipping").value == "🍕"


def test_more_phrases_come_from_the_config_and_from_a_file(tmp_path):
    (tmp_path / "mine.txt").write_text("# mine\nacme quality\n\n{n} happy buyers\n", encoding="utf-8")
    mine = Phrases(languages=[], extra=["buy at Bob's"], file=str(tmp_path / "mine.txt"), patterns=False)
    assert mine("red dress, Buy at BOB'S!").value == "red dress"
    assert mine("Acme-quality red dress, 1,000 happy buyers").value == "red dress"
    assert mine("red dress free shipping 50% off").value == "red dress free shipping 50% off"


def test_wrong_lists_are_told(tmp_path):
    with pytest.raises(ValueError, match="languages must be of en, zh, got fr"):
        Phrases(languages=["fr"])
    with pytest.raises(ValueError, match="needs a word"):
        Phrases(extra=["!!!"])
    with pytest.raises(UserError, match=r"phrases\.file must be"):
        Phrases(file=str(tmp_path / "none.txt"))
