"""What all text steps share: words, what counts as content, and cutting a piece out of a caption."""

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from xret.clean import Outcome

TOO_LONG = 50_000  # characters; longer texts are no captions: they are left to the step `length`

HAN = "\u3400-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[^\W_{HAN}]+(?:['\u2019][^\W_{HAN}]+)*|[{HAN}]")
_SPACES = re.compile(r"\s+")
STOP = frozenset([
    "a", "an", "the", "this", "that", "these", "those", "of", "for", "with", "and", "or", "in", "on", "at",
    "to", "from", "by", "as", "is", "are", "was", "it", "its", "our", "your", "my", "we", "you", "i", "de",
    "la", "le", "les", "du", "des", "un", "une", "et", "der", "die", "das", "ein", "eine", "und", "el", "los",
    "las", "y", "的", "了", "和", "与", "在", "是", "一", "个", "只", "这", "那", "及",
])  # fmt: skip
_PAIRS = {
    "(": ")",
    "[": "]",
    "（": "）",
    "【": "】",
    "〖": "〗",
    "「": "」",
    "『": "』",
    "《": "》",
    "<": ">",
    "{": "}",
}
_PAIRS |= {'"': '"', "*": "*", "“": "”"}
_BEFORE = frozenset("-\u2013\u2014|/:;,，、：；·•~～\u2605☆●◆■>»＊*_=\u3000\u2022\u2192➤👉 \t\n")
_AFTER = _BEFORE | frozenset("!！.。…?？")


class Word(NamedTuple):
    """A word, or one Chinese character, in lower case, and where it stands."""

    text: str
    start: int
    end: int


def words(text: str) -> list[Word]:
    """Return the words of a text; each Chinese character is one."""
    return [Word(_plain(m[0]), m.start(), m.end()) for m in _WORD.finditer(text)]


def plain_words(text: str) -> list[str]:
    """Return the words alone, in lower case."""
    return [_plain(word) for word in _WORD.findall(text)]


def _plain(word: str) -> str:
    return word.casefold().replace("\u2019", "'")


def has_content(text: str) -> bool:
    """Tell whether a text says anything: a word that is no function word, or a pictograph."""
    return any(m[0].casefold() not in STOP for m in _WORD.finditer(text)) or has_symbol(text)


def has_symbol(text: str) -> bool:
    """Tell whether a text has a pictograph or a sign such as ♥ or №."""
    return not text.isascii() and any(unicodedata.category(char) == "So" for char in text)


def squeeze(text: str) -> str:
    """Return the text with single spaces, and none at its ends."""
    return _SPACES.sub(" ", text).strip()


def settle(change: Callable[[str], str], text: str, rounds: int = 8) -> str:
    """Apply a change until nothing changes any more, so that a second cleaning finds nothing to do."""
    for _ in range(rounds):
        changed = change(text)
        if changed == text:
            return text
        text = changed
    return text


def outcome(before: str, after: str, reason: str) -> Outcome[str]:
    """Return a change and its reason; no reason without a change."""
    return Outcome(after, reason) if after != before else Outcome(before)


def cut_out(text: str, start: int, end: int) -> str:
    """Return the text without what stands from start to end, and without the punctuation that set it off.

    Full stops and the like before the piece end the sentence before it and stay; brackets go where both go.

    Args:
        text: the caption.
        start: first character of the piece.
        end: the character behind it.
    """
    left, right = start, end
    while True:
        while left and text[left - 1] in _BEFORE:
            left -= 1
        while right < len(text) and text[right] in _AFTER:
            right += 1
        if left and right < len(text) and _PAIRS.get(text[left - 1]) == text[right]:
            left, right = left - 1, right + 1
            continue
        break
    before, after = text[:left], text[right:]
    if not before or not after:
        return (before + after).strip()
    glue = "" if is_han(before[-1]) and is_han(after[0]) else " "
    if any(char in "-\u2013\u2014|/:;,，、：；·•" for char in text[left:start]) and text[left:start].strip():
        glue = text[left:start].strip()[0] + ("" if is_han(after[0]) else " ")
        glue = f" {glue}" if glue[0] in "-\u2013\u2014|/·•" else glue
    return before + glue + after


def is_han(char: str) -> bool:
    """Tell whether a character is Chinese."""
    return "\u3400" <= char <= "\u9fff" or "\uf900" <= char <= "\ufaff"
