"""How much a word speaks for promotion, and where captions have runs of such words at their ends."""

import functools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from xret._errors import UserError
from xret.clean.text._caption import HAN, STOP

_KINDS = {  # in the order in which they are tried -> the pattern, and what one of the kind speaks for promotion
    "site": (r"(?:https?://|www\.)[^\s<>\"']+|(?<![\w.@-])(?:[a-z0-9-]{2,40}\.){1,3}[a-z]{2,6}\b(?:/[\w./?=&%#-]*)?", 6.0),
    "price": (r"(?:US\s?)?[$€£¥]\s?\d[\d.,]*\d|[$€£¥]\s?\d|\d[\d.,]*\s?(?:usd|eur|gbp|dollars)\b", 4.0),
    "percent": (r"\d{1,3}(?:\.\d+)?\s?%", 3.0),
    "tag": (r"#\w{2,40}", 5.0),
    "handle": (r"@\w{2,40}", 5.0),
    "pieces": (r"\d{1,4}\s?-?(?:pcs?|pieces?|packs?|qty)\b|\b(?:set|pack|lot|box|bundle)s? of \d+", 4.0),
    "rights": (r"[©®™]|\(c\)", 4.0),
    "code": (r"(?=[a-z-]{0,12}\d)(?=[\d-]{0,12}[a-z])(?=(?:\w?[a-z-]{0,8}\d){3})[a-z0-9-]{5,24}(?![\w-])", 4.0),
    "year": (r"20[0-3]\d(?!\w)", 0.5),
    "number": (r"\d+(?:[.,]\d+)*", 0.0),
    "han": (rf"[{HAN}]+", -9.0),
    "word": (r"[^\W\d_]+", 0.0),
    "other": (r"\w+", -1.0),
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, (pattern, _) in _KINDS.items()), re.IGNORECASE)
_STRONG = re.compile(r"[|/:;*~_=<>\u2013\u2014\u2022\u2192\n]|\s-+\s")
_SENTENCE = re.compile(r"[.!?][)\"']?\s")
_LIGHT = re.compile(r"[,(\[\"]")
_JOINT = {"strong": 1.5, "sentence": 1.0, "light": 0.5, "none": -2.5}
_OPENS = 3.5  # for a capital in the middle of a caption with which another one may begin: "Photo of A dog"
_MOST = 6.0  # that a word can speak for promotion
_COMMON, _RARE, _NAME = -5.0, -3.0, -0.5  # what words speak that are no words of trade: common, rare, unknown names
_COMMON_COUNT = 1000
_UNKNOWN = 3.0  # the same for a word that the dictionary does not know, or one of two letters: UK, TV
_LISTED = 0.5  # of a word of the list of trade, in occurrences in phrases


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, address, ... of a caption: its kind, its text in lower case, its place."""

    kind: str
    text: str
    start: int
    end: int
    capital: bool


def tokens(caption: str) -> list[Token]:
    """Return the tokens of a caption."""
    return [
        Token(str(m.lastgroup), m[0].casefold(), m.start(), m.end(), m[0][0].isupper())
        for m in _TOKEN.finditer(caption)
    ]


class Words:
    """What words speak for promotion: the logarithm of how much likelier they are in it than in captions.

    Args:
        phrases: known promotion, in words.
    """

    def __init__(self, phrases: Iterable[Iterable[str]]) -> None:
        counts: Counter[str] = Counter()
        for phrase in phrases:
            counts.update(set(phrase))
        for word in _listed():
            counts[word] += _LISTED
        self._english = _frequencies()
        self._total = sum(self._english.values())
        size = sum(counts.values())
        self._promotion = {word: count / size for word, count in counts.items() if word.isalpha()}
        self._content: Mapping[str, float] = {}

    def learn(self, content: Mapping[str, float]) -> None:
        """Take how often words stand in captions that have no promotion: word -> share of all words."""
        self._content = content

    def weight(self, token: Token) -> float:
        """Return what a token speaks for promotion, in nats."""
        if token.kind != "word":
            return _KINDS[token.kind][1]
        word = token.text
        usual = (self._english.get(word, 0) + 50) / self._total
        if word in self._promotion:
            weight = math.log(self._promotion[word] / max(usual, self._content.get(word, 0.0)))
            if word in STOP:
                return min(max(weight, 0.0), 2.0)
            known = self._english.get(word, 0) > 0 and len(word) > 2
            return min(max(weight, _COMMON), _MOST if known else _UNKNOWN)
        if word in STOP:
            return 0.0
        if self._english.get(word, 0) == 0 and token.capital:
            return _NAME
        return _COMMON if self._english.get(word, 0) >= _COMMON_COUNT or word in self._content else _RARE

    def is_content(self, token: Token) -> bool:
        """Tell whether a token says what there is to see."""
        return token.kind in ("word", "han") and token.text not in STOP and self.weight(token) < _NAME


def joint(caption: str, left: Token, right: Token, capital: bool) -> float:
    """Return what stands between two tokens speaks for a cut there.

    Args:
        caption: that they are of.
        left: the token before the cut.
        right: the token behind it.
        capital: whether the caption would begin behind it.
    """
    between = caption[left.end : right.start]
    # the character before and behind: "dog. Buy", "dog - buy"
    if _STRONG.search(between):
        worth = _JOINT["strong"]
    elif _SENTENCE.search(between):
        worth = _JOINT["sentence"]
    else:
        worth = _JOINT["light" if _LIGHT.search(between) else "none"]
    if capital and right.capital and right.text in STOP:
        worth += _OPENS
    return worth


@functools.cache
def _listed() -> tuple[str, ...]:
    text = (files("xret.clean.text") / "data/trade_en.txt").read_text(encoding="utf-8")
    return tuple(word for line in text.splitlines() if not line.startswith("#") for word in line.split())


@functools.cache
def _frequencies() -> Mapping[str, int]:
    try:
        from spellchecker import SpellChecker
    except ImportError as e:
        raise UserError("the step advert needs pyspellchecker: pip install 'xret[clean]'") from e
    words: Any = SpellChecker(language="en", distance=1).word_frequency.dictionary
    return dict(words)
