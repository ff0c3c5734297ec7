"""Labels by words: what a caption itself says."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from xret._errors import UserError
from xret.label import NONE, Attributes, Label, Rows

SHIPPED = Path(__file__).with_name("_lexicons")
Several = Literal["first", "specific"]

_TOKEN = re.compile(r"[\u3400-\u9fff]|[^\W_\u3400-\u9fff]+")  # Chinese puts no spaces between words
_GAP = re.compile(r"[\s_'’-]*")  # noqa: RUF001 - between the parts of one word
_NOT = r"\b(?:not|no|non|never|without|neither|nor|isn['’]t|aren['’]t|faux|fake|imitation)\b[\s-]*"  # noqa: RUF001
_SOFT = r"(?:(?:an?|the|any|all|in|of|at|made|really|very|so|too|real|genuine)\s+)*"
_BEFORE = re.compile(rf"(?:{_NOT}{_SOFT}|(?:不是|不含|没有|沒有|并非|无|無|非|不|仿))$", re.IGNORECASE)
_FREE = re.compile(r"[\s-]?free\b", re.IGNORECASE)
_GOES_ON = re.compile(r"\s*(?:,|or|nor|、|或|或者)\s*(?:(?:an?|the|any)\s+)?", re.IGNORECASE)

Words = dict[tuple[str, ...], tuple[str, bool]]
"""A word in parts -> its label, and whether the word has another meaning as likely."""


@dataclass(frozen=True)
class _Hit:
    """An entry in a text: where, for which label, and whether the word has other meanings."""

    begin: int
    end: int
    label: str
    doubtful: bool


class Lexicon:
    """Looks up the words of lists in captions.

    A list is a text file with a line for each label, ``label: word, word, ...``; ``#`` begins a comment. Upper and
    lower case, space and hyphen are the same. Words are found whole, those in Chinese characters anywhere; of words
    that begin at one place the longest counts: "navy blue" before "navy". What is negated counts as not there ("not
    red", "no red or blue", "leather-free", 不是红色).

    The confidence is ``certainty``, halved for a word with another meaning as likely (``orange?`` in its list), times
    the share of this label among all that are found: "a red and blue ball" is red by a half.

    Args:
        files: attribute -> its list, beside those that are shipped (colour, material, style, category; English and
            Chinese) or in their place.
        several: which of several labels: first, or specific (that of the longest word; of equally long ones the first).
        nouns: attributes whose words are found in the plural, too.
        certainty: confidence in a label that is found alone, in (0, 1].

    Raises:
        ValueError: an argument is outside what is stated here.
        UserError: a list cannot be read, or holds no label.
    """

    def __init__(
        self,
        files: Mapping[str, str] | None = None,
        several: Several = "first",
        nouns: Sequence[str] = ("category",),
        certainty: float = 0.9,
    ) -> None:
        if several not in get_args(Several):
            raise ValueError(f"several must be one of {', '.join(get_args(Several))}, got {several!r}")
        if not 0 < certainty <= 1:
            raise ValueError(f"certainty must be in (0, 1], got {certainty}")
        paths = {path.stem: path for path in sorted(SHIPPED.glob("*.txt"))}
        paths |= {name: Path(path).expanduser() for name, path in (files or {}).items()}
        self.several, self.nouns, self.certainty = several, tuple(nouns), certainty
        self.lists = {name: _read(path) for name, path in paths.items()}

    def __call__(self, rows: Rows, attributes: Attributes) -> dict[str, list[Label]]:
        """Label R captions.

        Args:
            rows: R rows, of which the captions are read.
            attributes: name -> allowed labels. One that is in no list is its own word; None allows all of the list.

        Raises:
            UserError: an attribute has neither a list nor labels.
        """
        found = {}
        for name, labels in attributes.items():
            words = self._words(name, labels)
            once = {text: self._label(text, words, name in self.nouns) for text in dict.fromkeys(rows.captions)}
            found[name] = [once[text] for text in rows.captions]
        return found

    def report(self) -> dict[str, int]:
        """Return nothing: there is nothing to count."""
        return {}

    def _words(self, attribute: str, labels: Sequence[str] | None) -> Words:
        """Return what is looked up for an attribute; of allowed labels only."""
        listed = self.lists.get(attribute, {})
        if labels is None:
            if not listed:
                raise UserError(
                    f"the lexicon has no list for {attribute!r}, only for {', '.join(self.lists)}; give its labels, "
                    f"attributes.{attribute}=[...], or a list, label.files.{attribute}=FILE"
                )
            return listed
        own = {_tokens(label): (label, False) for label in labels}
        kept = {word: (own[_tokens(to)][0], doubt) for word, (to, doubt) in listed.items() if _tokens(to) in own}
        return kept | own  # "dark blue" is itself where it is a label

    def _label(self, text: str, words: Words, plural: bool) -> Label:
        hits = list(_affirmed(text, _hits(text, words, plural)))
        if not hits:
            return NONE
        chosen = hits[0] if self.several == "first" else max(hits, key=lambda hit: hit.end - hit.begin)
        same = [hit for hit in hits if hit.label == chosen.label]
        sure = 0.5 if all(hit.doubtful for hit in same) else 1.0
        return Label(chosen.label, self.certainty * sure / len({hit.label for hit in hits}))


def shipped_labels(attribute: str) -> list[str]:
    """Return the labels of the list that is shipped for an attribute, none where there is no such list."""
    path = SHIPPED / f"{attribute}.txt"
    return list(dict.fromkeys(label for label, _ in _read(path).values())) if path in SHIPPED.glob("*.txt") else []


def _hits(text: str, words: Words, plural: bool) -> Iterator[_Hit]:
    """Yield the words in a text from left to right, of those that begin at one place the longest."""
    places = [(match.start(), match.end()) for match in _TOKEN.finditer(text)]
    tokens = [text[begin:end].lower() for begin, end in places]
    longest = max(map(len, words))
    at = 0
    while at < len(tokens):
        reach = at + 1
        while reach < min(at + longest, len(tokens)) and _GAP.fullmatch(text, places[reach - 1][1], places[reach][0]):
            reach += 1
        for end in range(reach, at, -1):
            said = next((word for word in _forms(tokens[at:end], plural) if word in words), None)
            if said is not None:
                yield _Hit(places[at][0], places[end - 1][1], *words[said])
                at = end - 1
                break
        at += 1


def _forms(tokens: Sequence[str], plural: bool) -> Iterator[tuple[str, ...]]:
    """Yield a word as it stands, and what it may be the plural of."""
    *before, last = tokens
    yield (*before, last)
    for end, instead in (("ies", "y"), ("es", ""), ("s", "")) if plural else ():
        if last.endswith(end) and len(last) - len(end) >= 2:
            yield (*before, last.removesuffix(end) + instead)


def _affirmed(text: str, hits: Iterable[_Hit]) -> Iterator[_Hit]:
    """Yield the hits that are not negated; a negation goes on over "or"."""
    denied_to = -1
    for hit in hits:
        goes_on = denied_to >= 0 and _GOES_ON.fullmatch(text, denied_to, hit.begin)
        if goes_on or _BEFORE.search(text[max(0, hit.begin - 60) : hit.begin]) or _FREE.match(text, hit.end):
            denied_to = hit.end
        else:
            denied_to = -1
            yield hit


def _read(path: Path) -> Words:
    """Return what a list says; a word of two labels is that of the first.

    Raises:
        UserError: the file cannot be read, or holds no label.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"a lexicon must be a text file in UTF-8; {path} cannot be read: {error}") from None
    found: Words = {}
    for line in lines:
        label, _, listed = line.partition(":")
        if not label.strip() or line.startswith("#"):
            continue
        for word in (listed or label).split(","):
            if tokens := _tokens(word):
                found.setdefault(tokens, (label.strip(), word.strip().endswith("?")))
    if not found:
        raise UserError(f"a lexicon must hold lines like 'red: crimson, scarlet'; there is none in {path}")
    return found


def _tokens(word: str) -> tuple[str, ...]:
    return tuple(match.group().lower() for match in _TOKEN.finditer(word))
