"""What captions are dirtied with, in two disjoint halves; the phrases themselves are text files in ``data``."""

import random
import re
from functools import cache
from importlib import resources

CHINESE = re.compile(r"[\u3400-\u9fff]")

NAMES = {
    "seen": (
        *("Marlowe", "BrightNest", "Oakfield", "LunaCraft", "Tessaro", "Northbay", "PixelPark", "Vellora"),
        *("Hartmann", "GoldenLeaf", "ZenoHome", "Urbanique"),
    ),
    "unseen": (
        *("Quillon", "SunHarbor", "Fernwick", "Artisio", "Kestrel", "DaisyLane", "FotoFinch", "Molvano"),
        *("Petersen", "SilverPine", "Ravello", "Homelyst"),
    ),
}
DOMAINS = {
    "seen": (".com", "-shop.com", ".net", "store.com"),
    "unseen": (".co.uk", "-online.com", ".shop", "direct.eu"),
}
JOINTS = {
    "seen": (" - ", " | ", " ", ", ", "! "),
    "unseen": (" / ", " – ", ": ", " * ", ". "),  # noqa: RUF001 - what shops write
}
SYMBOLS = {
    "seen": (
        *("★{caption}★", "★★★ {caption}", "✨ {caption} ✨", "► {caption}", "【{caption}】", "{caption} !!!"),
        *("❤️ {caption} ❤️", "• {caption}", "~{caption}~", "*** {caption} ***", "🔥🔥 {caption}", "{caption} ✔✔"),
        *("--- {caption} ---", ">> {caption} <<"),
    ),
    "unseen": (
        *("◆ {caption} ◆", "☆☆☆☆☆ {caption}", "♥ {caption} ♥", "➤ {caption}", "『{caption}』", "{caption} ......"),
        *("▶▶ {caption}", "● {caption}", "=== {caption} ===", "⚡{caption}⚡", "💥 {caption} 💥", "{caption} ?!?!"),
        *("~*~ {caption} ~*~", "|| {caption} ||"),
    ),
}
HTML = {
    "seen": (
        *("<p>{caption}</p>", "<b>{caption}</b>", "{caption}<br>", "{caption}&nbsp;", "<h1>{caption}</h1>"),
        *('<span class="title">{caption}</span>', '<font color="red">{caption}</font>', "<div>{caption}"),
        *('<a href="/item/{code}">{caption}</a>', "{caption}<br/><br/>"),
    ),
    "unseen": (
        *("<strong>{caption}</strong>", "<td>{caption}</td>", "<li>{caption}</li>", "{caption}</div></div>"),
        *('<span style="font-size:14px;color:#333">{caption}</span>', '{caption}<img src="/px.gif?{code}">'),
        *("<!-- title -->{caption}", "&lt;p&gt;{caption}&lt;/p&gt;", "<em>{caption}</em><br />", "&ensp;{caption}"),
    ),
}
ENCODINGS = {"seen": ("cp1252",), "unseen": ("mac_roman", "cp850")}  # that UTF-8 is mistaken for


@cache
def phrases(pool: str, language: str) -> tuple[str, ...]:
    """Return the phrases of a pool in "en" or "zh": templates around ``{caption}``, or phrases that stand beside it."""
    text = resources.files("xret.dirt").joinpath(f"data/phrases_{pool}_{language}.txt").read_text(encoding="utf-8")
    return tuple(text.splitlines())


@cache
def synonyms() -> dict[str, dict[str, tuple[str, ...]]]:
    """Return pool -> value of an attribute -> other names for it."""
    text = resources.files("xret.dirt").joinpath("data/synonyms.txt").read_text(encoding="utf-8")
    found: dict[str, dict[str, tuple[str, ...]]] = {"seen": {}, "unseen": {}}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        value, _, names = line.partition(": ")
        for pool, half in zip(("seen", "unseen"), names.split(" | "), strict=True):
            found[pool][value] = tuple(half.split(", "))
    return found


def filled(template: str, pool: str, rng: random.Random, caption: str = "{caption}") -> str:
    """Return a template with its placeholders drawn; without ``caption``, its place stays."""
    name = rng.choice(NAMES[pool])
    return template.format(
        caption=caption,
        name=name,
        site=name.lower() + rng.choice(DOMAINS[pool]),
        price=f"{rng.choice((2, 4, 7, 9, 12, 19, 24, 39, 59))}.{rng.choice(('99', '95', '50', '00'))}",
        n=rng.choice((2, 3, 4, 6, 10, 12, 24, 50)),
        d=rng.randint(1, 9),
        dd=rng.randint(2, 9) * 10 + rng.choice((0, 5)),
        year=rng.randint(2018, 2026),
        code="".join(rng.choices("ABCDEFGHKLMNPRSTVX", k=2)) + str(rng.randint(1000, 99999)),
    )
