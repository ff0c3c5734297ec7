"""How much words speak for promotion."""

import functools
import itertools
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from xret._errors import UserError
from xret.clean.text._caption import HAN, STOP

_SITE = (
    r"(?:https?://|www\.)[^\s<>\"']{1,200}|(?<![\w.@-])(?:[a-z0-9-]{2,40}\.){1,3}[a-z]{2,6}\b(?:/[\w./?=&%#-]{0,200})?"
)
_PRICE = r"(?:US\s?)?[$€£¥]\s?\d[\d.,]{0,12}|\d[\d.,]{0,12}\s?(?:usd|eur|gbp|dollars)\b"
_PIECES = r"\d{1,4}\s?-?(?:pcs?|pieces?|packs?|qty)\b|\b(?:set|pack|lot|box|bundle)s? of \d+"
_CODE = r"(?=[a-z-]{0,12}\d)(?=[\d-]{0,12}[a-z])(?=(?:\w?[a-z-]{0,8}\d){3})[a-z0-9-]{5,24}(?![\w-])"
_KINDS = {  # in the order in which they are tried -> the pattern, and what one of the kind speaks for promotion
    "site": (_SITE, 6.0),
    "price": (_PRICE, 4.0),
    "percent": (r"\d{1,3}(?:\.\d+)?\s?%", 3.0),
    "tag": (r"#\w{2,40}", 5.0),
    "handle": (r"@\w{2,40}", 5.0),
    "pieces": (_PIECES, 4.0),
    "rights": (r"[©®™]|\(c\)", 6.0),
    "code": (_CODE, 4.0),
    "year": (r"20[0-3]\d(?!\w)", 0.5),
    "number": (r"\d+(?:[.,]\d+)*", 0.0),
    "han": (rf"[{HAN}]+", -9.0),
    "word": (r"[^\W\d_]+(?:'[^\W\d_]+)*", 0.0),
    "other": (r"\w+", -1.0),
}
_TOKEN = re.compile("|".join(f"(?P<{kind}>{pattern})" for kind, (pattern, _) in _KINDS.items()), re.IGNORECASE)
_PLACE = re.compile(r"\{\w+\}")  # of a caption, a number or a name in wording that is known
_FOREIGN = 6.0  # of Chinese in captions that hardly have any
_MOST = 6.0  # that a word can speak for promotion
_UNKNOWN = 3.0  # the same for a word that the dictionary does not know, or one of two letters: UK, TV
_LEAST_STOP, _STOP = -1.0, 3.0  # what a function word speaks for promotion at least (a, of) and at most (our, your)
_COMMON, _RARE, _NAME = -5.0, -3.0, -0.5  # of what are no words of trade: common words, rare ones, unknown names
_COMMON_COUNT = 1000  # occurrences in the dictionary
_UNSEEN = 50  # occurrences that a word is taken to have beside those in the dictionary
_BACKOFF = 2.0  # phrases by which what follows a word is still told by the words alone
_DISCOUNT = 0.75  # of what is seen in phrases: words seen once are mostly chance
_LISTED = 1.25  # of a word of trade, in occurrences in phrases


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number, address, ... of a caption.

    Attributes:
        kind: "word", "site", "price", ...
        text: in lower case.
        start: where it begins.
        end: behind it.
        capital: whether it begins with a capital, in a caption that is not all capitals.
    """

    kind: str
    text: str
    start: int
    end: int
    capital: bool


def tokens(caption: str) -> list[Token]:
    """Return the tokens of a caption."""
    shouted = caption.isupper()
    found = _TOKEN.finditer(caption.replace("\u2019", "'"))
    return [
        Token(str(m.lastgroup), m[0].casefold(), m.start(), m.end(), m[0][0].isupper() and not shouted) for m in found
    ]


class Words:
    """What tokens speak for promotion: by how much likelier they are there than in captions, as a logarithm.

    Words of trade are those of known phrases and of a list that comes with the package. How likely the others are is
    told by the dictionary's frequencies and by the captions themselves, in which a word of trade may be content. Where
    it follows the word that it follows in phrases too, it speaks for more: "also" hardly, "you may also" does.

    Source: absolute discounting of counts, Ney et al. 1994, On structuring probabilistic dependences in stochastic
    language modelling (sec. 3); pairs of words mixed with single ones, Jelinek and Mercer 1980, Interpolated estimation
    of Markov source parameters from sparse data (sec. 2).

    Args:
        phrases: known promotion, each in words.

    Raises:
        UserError: the package pyspellchecker is not installed.
    """

    def __init__(self, phrases: Iterable[Sequence[str]]) -> None:
        counts: dict[str, float] = dict.fromkeys(_listed(), _LISTED)
        followed, pairs = Counter[str](), Counter[tuple[str, str]]()
        for phrase in phrases:
            for word in set(phrase):
                counts[word] = counts.get(word, 0.0) + 1
            pairs.update(set(itertools.pairwise(phrase)))
            followed.update(set(phrase[:-1]))
        size = sum(counts.values())
        self._trade = {word: (count - _DISCOUNT) / size for word, count in counts.items() if word[0].isalpha()}
        self._pairs = {pair: count / (followed[pair[0]] + _BACKOFF) for pair, count in pairs.items()}
        self._alone = {word: _BACKOFF / (count + _BACKOFF) for word, count in followed.items()}
        self._english, self._total = _frequencies()
        self.learn({}, foreign=False)

    def learn(self, content: Mapping[str, float], foreign: bool) -> None:
        """Take what captions have without their promotion.

        Args:
            content: word -> its share of all words.
            foreign: whether Chinese in them is none of their content.
        """
        self.content, self.foreign = dict(content), foreign

    def weight(self, token: Token, before: str = "") -> float:
        """Return what a token speaks for promotion, in nats; below 0: for content.

        Args:
            token: of a caption.
            before: text of the token before it.
        """
        if token.kind == "han" and self.foreign:
            return _FOREIGN
        if token.kind != "word":
            return _KINDS[token.kind][1]
        word = token.text
        seen = self._english.get(word, 0)
        if word in self._trade:
            usual = max((seen + _UNSEEN) / self._total, self.content.get(word, 0.0))
            alone = self._trade[word]
            behind = self._pairs.get((before, word), 0.0) + self._alone.get(before, 1.0) * alone
            weight = math.log(max(alone, behind) / usual)
            if word in STOP:
                return min(max(weight, _LEAST_STOP), _STOP)
            return min(max(weight, _COMMON), _MOST if seen and len(word) > 2 else _UNKNOWN)
        if word in STOP:
            return 0.0
        if token.capital and self.is_unknown(word):
            return _NAME
        return _COMMON if seen >= _COMMON_COUNT or word in self.content else _RARE

    def is_unknown(self, word: str) -> bool:
        """Tell whether neither the dictionary nor the captions have a word."""
        return word not in self._english and word not in self.content

    def is_content(self, token: Token) -> bool:
        """Tell whether a token says what there is to see."""
        return token.kind in ("word", "han") and token.text not in STOP and self.weight(token) < _NAME


@functools.cache
def wording() -> tuple[tuple[str, ...], ...]:
    """Return what shops, stock sites and posts write around captions, in words."""
    text = (files("xret.clean.text") / "data/adverts_en.txt").read_text(encoding="utf-8")
    pieces = (piece for line in text.splitlines() if line[:2] != "# " for piece in _PLACE.split(line))
    return tuple(
        said for piece in pieces if (said := tuple(token.text for token in tokens(piece) if token.kind == "word"))
    )


@functools.cache
def _listed() -> tuple[str, ...]:
    text = (files("xret.clean.text") / "data/trade_en.txt").read_text(encoding="utf-8")
    return tuple(dict.fromkeys(word for line in text.splitlines() if line[:1] != "#" for word in line.split()))


@functools.cache
def _frequencies() -> tuple[Mapping[str, int], int]:
    try:
        from spellchecker import SpellChecker
    except ImportError as e:
        raise UserError("the step advert needs pyspellchecker: pip install 'xret[clean]'") from e
    words: Any = SpellChecker(language="en", distance=1).word_frequency.dictionary
    return dict(words), sum(words.values())
