"""What all text steps hold to: a second time changes nothing, a change has a reason, none empties."""

import random

import pytest

from xret.clean.text.advert import Advert
from xret.clean.text.boilerplate import Boilerplate
from xret.clean.text.formula import Formula
from xret.clean.text.html import Html
from xret.clean.text.language import Language
from xret.clean.text.length import Length
from xret.clean.text.phrases import Phrases
from xret.clean.text.repeats import Repeats
from xret.clean.text.segment import Segment
from xret.clean.text.spelling import Spelling
from xret.clean.text.stem import Stem
from xret.clean.text.symbols import Symbols
from xret.clean.text.traditional import Traditional
from xret.clean.text.unicode import Unicode

MAKE = {
    "advert": Advert,
    "boilerplate": Boilerplate,
    "formula": Formula,
    "html": Html,
    "language": lambda: Language(["en", "zh"]),
    "length": lambda: Length(max_words=20, max_characters=200),
    "phrases": Phrases,
    "repeats": Repeats,
    "segment": Segment,
    "spelling": lambda: Spelling(apply=True),
    "stem": Stem,
    "symbols": Symbols,
    "traditional": Traditional,
    "unicode": Unicode,
}
FORMS = {0: "Vote for us {}", 3: "Vote for us {}", 4: "{} - voucher inside"}
MAY_DROP = {"length", "language"}
NASTY = [
    "",
    " ",
    "...",
    "!!!",
    "★",
    "★★★ 【】",
    "🔥🔥",
    "🍕 free shipping",
    "free shipping",
    "click to buy click to buy",
    "包邮",
    "点击购买包邮",
    "<b></b>",
    "<<b>b>red</b>",
    "&amp;amp;lt;b&amp;gt;x",
    "&#0;&#xd800;",
    "\u200b\ufeff",
    "\ud800",
    "a\x00b",
    "e\u0301",
    "schÃ¶n",
    "Ã¢Â€Â™",
    "red dress red dress red dress",
    "red red red dress red red red dress",
    "the the the the",
    "a a a",
    "红红红红",
    "红色连衣裙红色连衣裙",
    "#sale #fashion",
    "@me",
    "a dog | coupon inside",
    "Photo of A dog",
    "a dog by Xyzzy",
    "=1+1",
    "-5 degrees",
    "www.x.com www.y.com",
    "50% off 50% off a dog",
    "only $9.99 $9.99",
    "1" * 50,
    "a" * 300,
    "((((a))))",
    "a ( ) b",
    "~ a ~ b ~~ c ~~~",
    "-- a -- b ----",
    "!?!?! a ?!?!?!",
    "a . . . . b",
    "… … …",
    "👩‍🚀👩‍🚀",
    "紅色連衣裙",
    "赤いドレス",
    "كلب",
    "Vote for us a dog",
    "generously running flies",
    "dogs' dog's",
    "free shipping - free shipping - a dog - free shipping",
    "limited limited time offer time offer dog",
]
PIECES = [
    "red",
    "dress",
    "the",
    "free",
    "shipping",
    "click to buy",
    "包邮",
    "红色",
    "连衣裙",
    "★",
    "!!",
    "~",
    "<b>",
    "</b>",
    "&amp;",
    "lt;",
    "#tag",
    "@me",
    "50% off",
    "$9.99",
    "www.a.com",
    "(",
    ")",
    "【",
    "】",
    "-",
    ",",
    ".",
    "🔥",
    "🍕",
    "\u200b",
    "\u00a0",
    "Ã¼",
    "1",
    " ",
    " ",
    "\n",
]


@pytest.fixture(scope="module")
def steps(english):
    made = {}
    for name, make in MAKE.items():
        made[name] = make()
        if hasattr(made[name], "fit"):
            made[name].fit([("", FORMS.get(i % 6, "{}").format(c)) for i, c in enumerate(english)])
    return made


@pytest.fixture(scope="module")
def captions(english, chinese):
    rng = random.Random(0)
    mixed = ["".join(rng.choice(PIECES) + rng.choice(["", " "]) for _ in range(rng.randint(1, 9))) for _ in range(2000)]
    return [*english[:120], *chinese[:80], *NASTY, *mixed]


@pytest.mark.parametrize("name", MAKE)
def test_a_step_is_settled_told_and_never_empties(name, steps, captions):
    step, changed = steps[name], 0
    for caption in captions:
        found = step(caption)
        assert step(caption) == found
        if found.value is None:
            assert name in MAY_DROP
            assert found.reason
            continue
        assert (found.reason != "") == (found.value != caption), (caption, found)
        assert found.value.strip() or not caption.strip(), (caption, found)
        assert step(found.value).value == found.value, (caption, found, step(found.value))
        changed += found.value != caption
    assert changed > 0 or name == "language"


LONG = {
    "words": "red dress with flowers " * 220_000,
    "one word": "a" * 5_000_000,
    "chinese": "红色连衣裙包邮" * 700_000,
    "tags": "<b <a href= &lt; <!-- " * 230_000,
    "symbols": "!~★( " * 1_000_000,
    "numbers": "only $9.99 +1 " * 350_000,
    "hashtags": "#a " * 1_600_000 + "x",
    "addresses": "a.b-c@" * 830_000,
}


@pytest.mark.parametrize("text", LONG)
def test_five_megabytes_are_left_to_the_step_length(text, steps):
    for name, step in steps.items():
        found = step(LONG[text])
        assert (found.value != LONG[text]) == (name == "length")


def test_every_step_of_the_package_is_here():
    from pathlib import Path

    import xret.clean.text

    files = {path.stem for path in Path(xret.clean.text.__file__).parent.glob("[!_]*.py")}
    assert files == set(MAKE)
