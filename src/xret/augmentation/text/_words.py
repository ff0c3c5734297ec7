"""Words of a caption and what stands between them."""

import re
from collections import Counter
from collections.abc import Collection
from typing import NamedTuple

import numpy as np

# Function words of English (closed classes), as EDA and others leave them alone. "not" and "no" change a meaning too.
_FUNCTION_WORDS = """
a about above after again against all am an and any are as at be because been before being below between both but by
can could did do does doing down during each few for from had has have having he her here hers herself him himself
his how i if in into is it its itself just may me might more most must my myself no nor not of off on once only or
other our ours out over own same shall she should so some such than that the their theirs them then there these they
this those through to too under until up very was we were what when where which while who whom why will with would
you your yours
"""
STOP_WORDS = frozenset(_FUNCTION_WORDS.split())
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
# Special tokens ([MASK], <mask>, <|endoftext|>) are no words: they match first, and stay what they are.
_PIECE = re.compile(rf"(?P<special>\[[A-Z]+\]|<[^<>\s]+>)|(?P<word>[{_CJK}]+|(?:(?![{_CJK}])[\w'\u2019-])+)")


class Words(NamedTuple):
    """A text cut into words; ``gaps[0] + words[0] + gaps[1] + ... + gaps[-1]`` is the text.

    Attributes:
        words: N words.
        gaps: N + 1 strings before, between and behind them: spaces, punctuation, special tokens.
    """

    words: list[str]
    gaps: list[str]

    def __str__(self) -> str:
        """Return the text again."""
        return "".join(gap + word for gap, word in zip(self.gaps, [*self.words, ""], strict=True))

    def content(self) -> list[int]:
        """Return where the words stand that are no function words."""
        return [i for i, word in enumerate(self.words) if word.casefold() not in STOP_WORDS]

    def delete(self, place: int) -> None:
        """Take out a word, and the gap before it where another stays."""
        del self.words[place]
        before, behind = self.gaps[place : place + 2]
        kept = (
            behind if before.isspace() or not before else before if behind.isspace() or not behind else before + behind
        )
        self.gaps[place : place + 2] = [kept if place else before + behind.lstrip()]

    def insert(self, place: int, word: str, space: str = " ") -> None:
        """Put a word before the one at ``place``, or behind the last."""
        if place == len(self.words):
            self.words.append(word)
            self.gaps.insert(place, space if place else "")
        else:
            self.words.insert(place, word)
            self.gaps.insert(place + 1, space)


def split(text: str, vocabulary: Collection[str] = ()) -> Words:
    """Cut a text into words: letters, digits, apostrophes and hyphens in a row.

    Chinese and Japanese have no spaces. There the longest words of ``vocabulary`` are found from left to right, and
    what stands between two of them counts as one word; characters that nothing is known about stay together.

    Args:
        text: a caption.
        vocabulary: known words.
    """
    words: list[str] = []
    gaps = [""]
    end = 0
    for found in _PIECE.finditer(text):
        gaps[-1] += text[end : found.start()]
        end = found.end()
        if found["special"]:
            gaps[-1] += found[0]
            continue
        for word in _cut(found[0], vocabulary):
            words.append(word)
            gaps.append("")
    gaps[-1] += text[end:]
    return Words(words, gaps)


def is_cjk(word: str) -> bool:
    """Tell whether a word is written without spaces around it."""
    return re.match(f"[{_CJK}]", word) is not None


def _cut(run: str, vocabulary: Collection[str]) -> list[str]:
    if not vocabulary or not is_cjk(run):
        return [run]
    parts: list[str] = []
    start = unknown = 0
    while start < len(run):
        end = next((e for e in range(len(run), start, -1) if run[start:e] in vocabulary), 0)
        if end:
            parts += [run[unknown:start]] * (unknown < start) + [run[start:end]]
            start = unknown = end
        else:
            start += 1
    return parts + [run[unknown:]] * (unknown < len(run))


def how_many(share: float, words: int) -> int:
    """Return how many words a share of them is, at least one (Wei and Zou 2019, sec. 2: n = alpha * l)."""
    return max(1, round(share * words))


def pick(places: list[int], count: int, rng: np.random.Generator) -> list[int]:
    """Return up to ``count`` of some places, without repetition, in random order."""
    return [places[i] for i in rng.permutation(len(places))[:count]]


def changed(before: str, after: str) -> int:
    """Return how many words of a text are other ones, gone, new or elsewhere."""
    if before == after:
        return 0
    old, new = split(before).words, split(after).words
    others = max((Counter(old) - Counter(new)).total(), (Counter(new) - Counter(old)).total())
    return others or sum(a != b for a, b in zip(old, new, strict=True))
