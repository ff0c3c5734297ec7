"""What all label steps share: the form in which spellings of one value are equal."""

import re
import unicodedata

from xret.clean import Outcome

TOO_LONG = 200  # characters; longer values are no labels: they are left alone

HAN = re.compile("[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")
_APOSTROPHES = re.compile("[\u2018\u2019\u201b\u02bc`\u00b4]")
_HYPHENS = re.compile("[\u2010-\u2015\u2212\ufe58\ufe63]")
_JOINTS = re.compile(r"_|(?<=[^\W_])-+(?=[^\W\d_])|(?<=[^\W\d_])-+(?=[^\W_])|(?<=&)-+|-+(?=&)|(?<!\S)-+(?!\d)|-+(?!\S)")
_COMMAS = re.compile(r"\s*,\s*(?=[^\W\d])|\s+,\s*(?=\w)")  # between values or words, not in a number
_MARKS = re.compile(
    r"[!?\"()\[\]{}<>|*~^\u00a1\u00bf\u3001\u3002\u300a-\u3011\u201c\u201d\u2022\u2026]"
    r"|[.:;](?!\w)|,(?!\s*\w)|(?<!\w)[.:;]"
)
_SPACES = re.compile(r"\s+")


def fold(value: str) -> str:
    """Return a value without what is chance in its spelling; see `xret.clean.labels.normal.Normal`.

    Folded twice is folded once. A value that has neither letter nor digit is only trimmed.
    """
    for _ in range(8):
        after = _once(value)
        if after == value:
            return value
        value = after
    return value


def _once(value: str) -> str:
    plain = _HYPHENS.sub("-", _APOSTROPHES.sub("'", unicodedata.normalize("NFKC", value))).lower()
    words = _COMMAS.sub(", ", _MARKS.sub(" ", _JOINTS.sub(" ", plain)))
    words = _SPACES.sub(" ", words).strip(" ',")
    if any(c.isalnum() for c in words):
        return words
    return _SPACES.sub(" ", plain).strip()


def outcome(before: str, after: str, reason: str) -> Outcome[str]:
    """Return what a step made of a value, with its reason where it made something else of it."""
    return Outcome(after, reason) if after != before else Outcome(before)
