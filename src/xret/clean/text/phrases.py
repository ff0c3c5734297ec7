"""Promotional phrases: what shops and posters write around a caption."""

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import HAN, TOO_LONG, Word, cut_out, has_content, outcome, plain_words, settle, words
from xret.clean.text._promotion import PATTERNS

LANGUAGES = ("en", "zh")
_NUMBER = "{n}"
_GAP = re.compile(rf"[^\w{HAN}]{{0,4}}\Z|_{{1,4}}\Z")
_NUMERAL = re.compile(r"\d+\Z")


class Phrases:
    """Take known promotional phrases, prices, links and contacts out of a caption.

    A phrase is found at word boundaries, in any case, with any punctuation or spaces between its words ("FREE -
    Shipping" is "free shipping"), and goes with the punctuation that set it off; a full stop before it stays. Beside
    the phrases there are patterns: links, e-mail addresses, @handles, hashtags at the ends of a caption, "only $9.99",
    "50 % off", numbers of telephone, QQ and WeChat. Prices without such words, and what is left in the middle of a
    sentence by a hashtag, stay. Nothing goes that would leave a caption without content.

    Args:
        languages: lists that come with the package: en, zh.
        extra: more phrases; "{n}" stands for a number.
        file: a text file with more phrases, one a line; empty lines and lines that begin with "#" are left out.
        patterns: find links, handles, prices and the like too.

    Raises:
        ValueError: a language without a list, or a phrase without a word.
        UserError: the file cannot be read.
    """

    def __init__(
        self,
        languages: Sequence[str] = LANGUAGES,
        extra: Sequence[str] = (),
        file: str | None = None,
        patterns: bool = True,
    ) -> None:
        if wrong := set(languages) - set(LANGUAGES):
            raise ValueError(f"languages must be of {', '.join(LANGUAGES)}, got {', '.join(sorted(wrong))}")
        lines = [line for language in languages for line in shipped(language)]
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for phrase in (*lines, *extra, *_read(file)):
            parts = _parts(phrase)
            if not set(parts) - {_NUMBER}:
                raise ValueError(f"a phrase needs a word, got {phrase!r}")
            self._phrases.setdefault(parts[0], []).append(parts)
        for same_start in self._phrases.values():
            same_start.sort(key=len, reverse=True)
        self.patterns = patterns

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption without promotion."""
        if len(caption) > TOO_LONG:
            return Outcome(caption)
        found: list[str] = []
        after = settle(lambda text: self._strip(text, found), caption)
        return outcome(caption, after, f"promotion: {', '.join(dict.fromkeys(found))}"[:200])

    def _strip(self, text: str, found: list[str]) -> str:
        if self.patterns:
            for trigger, pattern in PATTERNS.values():
                if trigger.search(text):
                    text = _without([m.span() for m in pattern.finditer(text)], text, found)
        return _without(list(self._spans(text)), text, found)

    def _spans(self, text: str) -> Iterable[tuple[int, int]]:
        found, i = words(text), 0
        while i < len(found):
            length = self._matched(text, found, i)
            if length:
                yield found[i].start, found[i + length - 1].end
            i += length or 1

    def _matched(self, text: str, found: list[Word], i: int) -> int:
        """Return how many words the longest phrase has that begins with word i; 0 where none does."""
        starts = self._phrases.get(found[i].text, [])
        if found[i].text.isdecimal():
            starts = [*starts, *self._phrases.get(_NUMBER, [])]
        for phrase in starts:
            at = i
            for part in phrase:
                at = _step(text, found, at, part, first=at == i)
                if at < 0:
                    break
            if at > i:
                return at - i
        return 0


def _step(text: str, found: list[Word], at: int, part: str, *, first: bool) -> int:
    """Return the word behind a part of a phrase that stands at word `at`, or -1."""
    if at >= len(found) or not (first or _GAP.match(text[found[at - 1].end : found[at].start])):
        return -1
    if part != _NUMBER:
        return at + 1 if found[at].text == part else -1
    if not found[at].text.isdecimal():
        return -1
    while (
        at + 1 < len(found) and _NUMERAL.match(found[at + 1].text) and text[found[at].end : found[at + 1].start] in ".,"
    ):
        at += 1
    return at + 1


def _without(spans: list[tuple[int, int]], text: str, found: list[str]) -> str:
    """Return the text without the pieces, from the back, as long as something with content is left."""
    for start, end in reversed(spans):
        shorter = cut_out(text, start, end)
        if has_content(shorter):
            found.append(text[start:end].strip())
            text = shorter
    return text


def _parts(phrase: str) -> tuple[str, ...]:
    pieces = re.split(r"(\{n\})", phrase)
    return tuple(word for piece in pieces for word in ([piece] if piece == _NUMBER else plain_words(piece)))


def shipped(language: str) -> list[str]:
    """Return the phrases that come with the package in "en" or "zh"."""
    data = files("xret.clean.text") / "data" / f"phrases_{language}.txt"
    return _phrases_in(data.read_text(encoding="utf-8"))


def _read(file: str | None) -> list[str]:
    if file is None:
        return []
    try:
        return _phrases_in(Path(file).read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError) as e:
        raise UserError(f"clean.text.phrases.file must be a text file in UTF-8, got {file}: {e}") from e


def _phrases_in(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip() and not line.startswith("#")]
