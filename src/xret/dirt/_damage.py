"""What goes wrong with captions on their way: symbols, capitals, repetition, tags, encodings."""

import html as markup
import random
import re

from xret.dirt._pools import ENCODINGS, HTML, SYMBOLS, filled

_TYPOGRAPHY = (("'", "’"), ("-", "–"), (" ", "\u00a0"))  # noqa: RUF001 - what a word processor makes of it


def symbols(caption: str, pool: str, rng: random.Random) -> str:
    """Return a caption among stars, arrows, brackets or exclamation marks."""
    return filled(rng.choice(SYMBOLS[pool]), pool, rng, caption)


def shouting(caption: str, pool: str, rng: random.Random) -> str:
    """Return a caption in capitals: all of it, or in the unseen pool also its long words alone."""
    if pool == "unseen" and rng.random() < 0.5:
        return re.sub(r"\w{4,}", lambda word: word[0].upper(), caption)
    return caption.upper()


def repeats(caption: str, pool: str, rng: random.Random) -> str:
    """Return a caption that says some of its words again: the first or all (seen), the last or all (unseen)."""
    words = caption.split(" ")
    if len(words) < 3 or rng.random() < 0.3:
        return " ".join([caption] * (2 if pool == "seen" else rng.choice((2, 3))))
    count = rng.randint(1, min(4, len(words) - 1))
    if pool == "seen":
        return " ".join([*words[:count], *words])
    return " ".join([*words, *words[-count:]])


def html(caption: str, pool: str, rng: random.Random) -> str:
    """Return a caption with tags, some of them open, half of the time with its marks as character references."""
    inner = markup.escape(caption) if rng.random() < 0.5 else caption
    return filled(rng.choice(HTML[pool]), pool, rng, inner)


def mojibake(caption: str, pool: str, rng: random.Random) -> str:
    """Return a caption whose UTF-8 was read as another encoding.

    ASCII survives that, so one typographic mark is put in first where the caption has none.
    """
    if caption.isascii():
        fit = [(plain, mark) for plain, mark in _TYPOGRAPHY if plain in caption]
        plain, mark = fit[0] if fit else ("", "")
        caption = caption.replace(plain, mark, 1) if fit else f"{caption}…"
    return _decoded(caption.encode(), rng.choice(ENCODINGS[pool]))


def _decoded(data: bytes, encoding: str) -> str:
    """Decode bytes; those that the encoding does not define become the character of their number, as browsers do it."""
    return "".join(bytes([b]).decode(encoding, errors="replace").replace("\ufffd", chr(b)) for b in data)
