"""Unicode repair on texts whose right form is known."""

import unicodedata

import pytest

from xret.clean.text.unicode import Unicode


@pytest.mark.parametrize("right", ["schön", "café au lait", "a “Fuji” apple", "naïve … “quoted”", "价格和尺寸"])
def test_text_decoded_in_the_wrong_way_is_repaired(right):
    broken = right.encode("utf-8").decode("latin-1")
    assert broken != right
    assert Unicode()(broken).value == right
    assert Unicode()(right).reason == ""


@pytest.mark.parametrize(
    ("dirty", "clean", "reason"),
    [
        ("red\u200b dress\ufeff", "red dress", "invisible"),
        ("red\x07 \x1b[31mdress\x1b[0m", "red dress", "invisible"),
        ("  red\u00a0\u3000 dress\r\n", "red dress", "spaces"),
        ("a\ud800 dog", "a dog", "invisible"),
        ("cafe\u0301", "café", "characters"),
        ("\u202ea dog\u202c", "a dog", "invisible"),
        ("字母Ｖ，第９", "字母V，第9", "full width"),
        ("red\u200ddress", "reddress", "invisible"),
        ("ﬁsh", "fish", "characters"),
    ],
)
def test_what_cannot_be_seen_goes(dirty, clean, reason):
    found = Unicode()(dirty)
    assert found.value == clean
    assert reason in found.reason


@pytest.mark.parametrize(
    "caption",
    [
        "👩‍🚀 in space",
        "❤️ you",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f flag",
        "می‌خواهم",
        "A “Fuji” apple.",
        "一朵花。（红色）！",
        "keycap #️⃣",
        "5 € or £3, 20 °C",
        "a < b &amp; c",
        "\u200b",
        "",
    ],
)
def test_what_has_a_meaning_stays(caption):
    assert Unicode()(caption).value == caption
    assert Unicode()(caption).reason == ""


def test_the_result_is_composed():
    assert unicodedata.is_normalized("NFC", Unicode()("A\u030angstro\u0308m").value)


def test_without_ftfy_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "ftfy", None)
    with pytest.raises(ValueError, match=r"xret\[clean\]"):
        Unicode()
