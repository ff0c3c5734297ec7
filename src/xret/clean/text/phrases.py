"""Promotional phrases: what shops and posters write around a caption."""

import re
from collections.abc import Iterable, Sequence
from importlib.resources import files
from pathlib import Path

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import HAN, TOO_LONG, Word, cut_out, has_content, outcome, plain_words, settle, words

LANGUAGES = ("en", "zh")
_NUMBER = "{n}"
_MONEY = r"(?:US)?[$€£¥￥]\s?\d[\d.,]*|\d[\d.,]*\s?(?:dollars|usd|eur|gbp|rmb|cny)\b"
_PERCENT = r"\d{1,3}(?:\.\d+)?\s?%"
_WECHAT = r"(?:we\s?chat|whats\s?app|telegram|qq|vx|微信号?|加?v信|薇信|扣扣)"
_PATTERNS = {
    "url": re.compile(r"(?:https?://|www\.)[^\s<>\"'，。）)\u3400-\u9fff]+"
                      r"|(?<![\w.@-])(?:[a-z0-9-]{2,40}\.){1,3}(?:com|net|org|shop|store|cn|co\.uk|io)(?:/[\w./?=&%#-]*)?(?![\w@-])", re.I),
    "e-mail": re.compile(r"(?<![\w.+-])[\w.+-]{1,64}@(?:[\w-]{1,63}\.){1,4}[a-z]{2,10}\b", re.I),
    "handle": re.compile(r"(?:\b(?:follow|via|by|from|credit|ig|insta|instagram|twitter)\s?:?\s{0,2})?(?<![\w@.])@[a-z_][\w.]{1,29}", re.I),
    "hashtag": re.compile(r"^(?:\s*[#＃][^\W\d_]\w{1,40}[#＃]?(?!\S))+|(?:(?:^|(?<=\s))[#＃][^\W\d_]\w{0,40}[#＃]?\s*)+$"),
    "price": re.compile(rf"(?:\b(?:only|just|now|from|for only|sale price|price)\b|仅售?|只要|特价|现价|券后|低至|售价)\s?:?：?\s?(?:{_MONEY}|\d[\d.,]*\s?元)"
                        r"(?:\s?(?:only|each|now|起)\b)?", re.I),
    "discount": re.compile(
        rf"(?:\b(?:save|now|get|extra|up to|sale|take|enjoy)\s){{0,3}}(?:{_PERCENT}|\d{{1,3}}\s?percent|(?:{_MONEY}))\s?(?:off|discount)\b"
        rf"(?:\s(?:today|now|everything|all items|sale|selected items))?|\b(?:save|discount)\s(?:up to\s)?(?:{_PERCENT}|{_MONEY})|\bhalf\soff\b"
        r"|(?:低至|仅|享|全场)?(?<![\d.])\d(?:\.\d)?\s?折(?:优惠|起|包邮|特惠|促销)?(?![叠纸扇页伞])", re.I),
    "number": re.compile(
        rf"(?:\b(?:call|tel|phone|mobile|hotline|fax|sms|text us|contact)\b|电话|热线|手机|致电|联系(?:电话|方式)?|{_WECHAT})(?:\sus)?(?:\sat|\son)?\W{{0,3}}\+?\d[\d() -]{{4,18}}\d"
        rf"|(?:加|添加|\badd\s)?{_WECHAT}(?:\sid)?\s?[:：]\s?[a-z][\w-]{{4,19}}|(?<!\d)1[3-9]\d{{9}}(?!\d)|(?<![\w+])\+\d{{1,3}}[ -]?\d{{2,4}}(?:[ -]?\d{{2,4}}){{2,3}}(?!\d)",
        re.I,
    ),
}  # fmt: skip
_TRIGGERS = {
    "url": (".",), "e-mail": ("@",), "handle": ("@",), "hashtag": ("#", "＃"),
}  # fmt: skip
_DIGITS = re.compile(r"\d")
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
        lines = [line for language in languages for line in _shipped(language)]
        self._phrases: dict[str, list[tuple[str, ...]]] = {}
        for phrase in (*lines, *extra, *_read(file)):
            parts = tuple(
                w for part in re.split(r"(\{n\})", phrase) for w in ([part] if part == _NUMBER else plain_words(part))
            )
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
            for name, pattern in _PATTERNS.items():
                if (
                    any(c in text for c in _TRIGGERS[name])
                    if name in _TRIGGERS
                    else _DIGITS.search(text) or "half" in text.lower()
                ):
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


def _shipped(language: str) -> list[str]:
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
