"""Fuzzy merging: rare labels that are mistyped forms of frequent ones."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.labels._value import HAN, TOO_LONG, fold

_DIGITS = re.compile(r"\d+")
_MOST_WORDS = 8  # of a value that is looked at
_KNOWN = 0.6  # what the evidence of a word that a dictionary knows is worth
_FIRST = 0.8  # of a slip in the first letter, where people look


class Fuzzy:
    """Merge a rare value into a frequent one of which it is probably a mistyped form.

    Two values are near when their words agree but for one, and that word is one slip (a letter more, less, other, or
    two swapped) away, two slips from ``2 * min_letters - 1`` letters on; or when they differ in spaces alone. Digits
    are never a slip, and neither is anything in a short word or in Chinese characters.

    The evidence is the share of the frequent value in the support of both, times the similarity of the two words; it
    is less where the rare word is in a dictionary of English ("latin", "satin") or differs in its first letter.
    Evidence of ``certainty`` merges, less makes a proposal.

    ``fit`` sees the values of one attribute as the steps before leave them, every occurrence: repeats are support.
    Values that it has not seen count as rare.

    Source: Damerau 1964, A technique for computer detection and correction of spelling errors, CACM 7(3);
    neighbours by deleted letters: Garbe 2012, SymSpell, https://github.com/wolfgarbe/SymSpell.

    Args:
        certainty: evidence from which a value is merged, in [0, 1].
        least: evidence from which a merge is proposed, in [0, certainty].
        ratio: how many times as frequent the other value must be, more than 1.
        min_letters: shorter words are never merged.
        dictionary: language of the words that are right as they are: en, de, es, fr, it, nl, pt; null: none are.

    Raises:
        ValueError: an argument is out of range.
        UserError: rapidfuzz or pyspellchecker is not installed, or has no such dictionary.
    """

    def __init__(
        self,
        certainty: float = 0.7,
        least: float = 0.4,
        ratio: float = 3.0,
        min_letters: int = 5,
        dictionary: str | None = "en",
    ) -> None:
        if not 0 <= least <= certainty <= 1:
            raise ValueError(f"need 0 <= least <= certainty <= 1, got {least} and {certainty}")
        if ratio <= 1:
            raise ValueError(f"ratio must be more than 1, got {ratio}")
        if min_letters < 3:
            raise ValueError(f"min_letters must be at least 3, got {min_letters}")
        try:
            from rapidfuzz.distance import OSA
        except ImportError as e:
            raise UserError("the step fuzzy needs rapidfuzz: pip install 'xret[clean]'") from e
        self._distance = OSA.distance
        self._dictionary = None if dictionary is None else _words(dictionary)
        self.certainty, self.least, self.ratio, self.min_letters = certainty, least, ratio, min_letters
        self._learn({})

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn how often each value occurs; the same value may come many times."""
        self._learn(Counter(value for _, value in values if len(value) <= TOO_LONG))

    def state(self) -> dict[str, Any]:
        """Return the supports."""
        return {"support": dict(self._forms)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what was learnt before."""
        self._learn(state["support"])

    def __call__(self, value: str) -> Outcome[str]:
        """Return the frequent value in place of a mistyped one, as a proposal where it is not certain."""
        plain = fold(value) if len(value) <= TOO_LONG else ""
        target, evidence = self._target(plain)
        if not target:
            return Outcome(value)
        counts = f"{self._support[target]} times {target!r}, {self._support[plain]} {plain!r}"
        return Outcome(self._usual[target], f"spelling: {counts}"[:200], evidence >= self.certainty, evidence)

    def _learn(self, forms: dict[str, int]) -> None:
        self._forms = forms
        self._support: Counter[str] = Counter()
        self._usual: dict[str, str] = {}  # folded -> its most frequent form
        for value, count in sorted(forms.items(), key=lambda entry: (-entry[1], entry[0])):
            plain = fold(value)
            self._support[plain] += count
            self._usual.setdefault(plain, value)
        self._seen: dict[str, tuple[str, float]] = {}
        self._holes: dict[str, list[str]] = defaultdict(list)
        for plain in self._support:
            for hole in self._keys(plain):
                self._holes[hole].append(plain)

    def _keys(self, value: str) -> Iterator[str]:
        """Yield what two near values have in common: all but the letters of a slip, and the letters alone."""
        words = value.split(" ")
        if len(words) > _MOST_WORDS:
            return
        yield "=" + "".join(words)
        for i, word in enumerate(words):
            if self._may_slip(word, 1):
                less = {word, *_shorter({word})}
                less |= _shorter(less) if self._may_slip(word, 2) else set()
                yield from (" ".join((*words[:i], f"~{one}", *words[i + 1 :])) for one in less)

    def _may_slip(self, word: str, slips: int) -> bool:
        """Tell whether so many slips in a word, or in one that is as much longer, are less than another word."""
        long = len(word) + slips >= self.min_letters * slips - (slips - 1)
        return long and len(word) <= 40 and not HAN.search(word) and not any(c.isdigit() for c in word)

    def _target(self, value: str) -> tuple[str, float]:
        """Return the frequent value and the evidence that this is a slip for it; "" and 0 where there is none."""
        if value not in self._seen:
            if len(self._seen) >= 100_000:
                self._seen.clear()
            likely = {other for hole in self._keys(value) for other in self._holes.get(hole, ())} - {value}
            wanted = self.ratio * max(1, self._support[value])
            scored = [
                (self._evidence(value, other), other) for other in sorted(likely) if self._support[other] >= wanted
            ]
            best = max(
                (s for s in scored if s[0] >= self.least and s[0] > 0 and not self._target(s[1])[0]), default=(0.0, "")
            )
            self._seen[value] = (best[1], best[0])
        return self._seen[value]

    def _evidence(self, rare: str, frequent: str) -> float:
        """Return the share of certainty that one value is a slip for another, 0 where they are not near."""
        if rare.replace(" ", "") == frequent.replace(" ", ""):
            if _DIGITS.findall(rare) != _DIGITS.findall(frequent):
                return 0.0
            before, after, likeness = rare, frequent, 0.95
        else:
            pairs = [(a, b) for a, b in zip(rare.split(" "), frequent.split(" "), strict=True) if a != b]
            ((before, after),) = pairs
            slips, length = self._distance(before, after), max(len(before), len(after))
            if len(after) < self.min_letters or slips > (2 if length >= 2 * self.min_letters - 1 else 1):
                return 0.0
            likeness = (1 - slips / length) * (_FIRST if before[0] != after[0] else 1.0)
        support = self._support[frequent] / (self._support[frequent] + max(1, self._support[rare]))
        return float(support * likeness * (_KNOWN if self._is_known(before) else 1.0))

    def _is_known(self, words: str) -> bool:
        plain = (word.removesuffix("'s") for word in words.split(" "))
        return self._dictionary is not None and all(word in self._dictionary for word in plain)


def _shorter(words: set[str]) -> set[str]:
    """Return the words without one of their letters."""
    return {word[:i] + word[i + 1 :] for word in words for i in range(len(word))}


def _words(language: str) -> Any:  # noqa: ANN401 - a dictionary of pyspellchecker
    try:
        from spellchecker import SpellChecker
    except ImportError as e:
        raise UserError("the step fuzzy needs pyspellchecker: pip install 'xret[clean]', or dictionary=null") from e
    try:
        return SpellChecker(language=language).word_frequency
    except ValueError as e:
        raise UserError(f"dictionary must be one that pyspellchecker has: en de es fr it nl pt, got {language}") from e
