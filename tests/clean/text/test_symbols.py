"""Decoration goes, signs with a meaning stay."""

import pytest

from xret.clean.text.symbols import Symbols


@pytest.mark.parametrize(
    ("dirty", "clean"),
    [
        ("★ red dress ★", "red dress"),
        ("【红色连衣裙】", "红色连衣裙"),
        ("red dress!!!", "red dress!"),
        ("Red dress ~~~", "Red dress"),
        ("● red dress", "red dress"),
        ("*** red dress ***", "red dress"),
        ("red dress------", "red dress"),
        ("red dress......", "red dress..."),
        ("really?!?!?!", "really?!"),
        ("红色！！！", "红色！"),
        ("🔥🔥 red dress 🔥", "red dress"),
        ("red ✨✨✨ dress", "red dress"),
        ("【】red ()dress", "red dress"),
        ("好看~", "好看"),
    ],
)
def test_decoration_goes(dirty, clean):
    found = Symbols()(dirty)
    assert found.value == clean
    assert found.reason


@pytest.mark.parametrize(
    "caption",
    [
        "★",
        "🔥🔥🔥",
        "★ the",
        "!!!",
        "a coin of 10 cents (0.10 €)",
        "20 °C ± 2, 50 %, 5 m²",
        "C++ and C#",
        "keycap *",
        "keycap #",
        "a photo of a ⭐",
        "I ❤️ pizza 🍕",
        "~5 apples",
        "6x7=42",
        "Say cheese!",
        "Hello? Hello?",
        "wait...",
        "left-right arrow",
        "red | blue",
        "© 2024 ™",
    ],
)
def test_what_says_something_stays(caption):
    assert Symbols()(caption).value == caption
    assert Symbols()(caption).reason == ""


def test_pictographs_can_be_kept():
    assert Symbols("keep")("🔥🔥 red dress ★").value == "🔥🔥 red dress"


def test_another_word_for_emoji_is_refused():
    with pytest.raises(ValueError, match="emoji must be one of attention, keep"):
        Symbols("all")
