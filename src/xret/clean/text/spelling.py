"""Spelling: words that are probably mistyped, as suggestions."""

import re
from collections import Counter
from collections.abc import Iterable
from typing import Any

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG

_TOKEN = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_PLAIN = re.compile(r"[a-zà-öø-ÿœß]+\Z")


class Spelling:
    """Suggest the likeliest spelling of words that no dictionary knows.

    A suspect is a word in small letters that the dictionary does not know, one edit (a letter more, less, other or
    swapped) away from one that it knows, and rare in the training captions. Words with capitals or digits, with
    hyphens and apostrophes, and short ones are never suspects. Nothing is suggested unless the dictionary knows twice
    as many words of the caption as there are suspects: it may be in another language.

    The evidence is the share that the suggested word has of the known words one edit away, by their frequency.

    Source: Norvig 2007, https://norvig.com/spell-correct.html (package ``pyspellchecker``, at edit distance 1).

    Args:
        language: of the dictionary: en, de, es, fr, it, nl, pt.
        min_count: a word seen so often in the training captions is right, whatever the dictionary says.
        min_letters: shorter words are never suspects.
        apply: put the suggestions in place instead of only suggesting them.
        certainty: suggestions with less evidence are not made, in [0, 1].

    Raises:
        ValueError: an argument is out of range.
        UserError: the package pyspellchecker is not installed, or has no such dictionary.
    """

    def __init__(
        self,
        language: str = "en",
        min_count: int = 3,
        min_letters: int = 4,
        apply: bool = False,
        certainty: float = 0.6,
    ) -> None:
        if min_count < 1 or min_letters < 1:
            raise ValueError(f"min_count and min_letters must be 1 or more, got {min_count} and {min_letters}")
        if not 0 <= certainty <= 1:
            raise ValueError(f"certainty must be in [0, 1], got {certainty}")
        try:
            from spellchecker import SpellChecker
        except ImportError as e:
            raise UserError("the step spelling needs pyspellchecker: pip install 'xret[clean]'") from e
        try:
            self._dictionary = SpellChecker(language=language, distance=1)
        except ValueError as e:
            raise UserError(
                f"language must be one that pyspellchecker has: en de es fr it nl pt, got {language}"
            ) from e
        self.min_count, self.min_letters, self.apply, self.certainty = min_count, min_letters, apply, certainty
        self._usual: frozenset[str] = frozenset()
        self._seen: dict[str, tuple[str, float]] = {}

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        """Learn which words are frequent in the training captions."""
        counts: Counter[str] = Counter()
        for _, caption in values:
            if len(caption) <= TOO_LONG:
                counts.update({word.casefold() for word in _TOKEN.findall(caption)})
        self._usual = frozenset(word for word, count in counts.items() if count >= self.min_count)
        self._seen.clear()

    def state(self) -> dict[str, Any]:
        """Return the words that are right whatever the dictionary says; those it knows itself are left out."""
        return {"usual": sorted(word for word in self._usual if word not in self._dictionary)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with what was learnt before."""
        self._usual = frozenset(state["usual"])
        self._seen.clear()

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption as it would be spelt, as a proposal unless `apply`."""
        if len(caption) > TOO_LONG:
            return Outcome(caption)
        found = list(_TOKEN.finditer(caption))
        known = [m[0].lower() in self._dictionary for m in found]
        suspects = [m for m, right in zip(found, known, strict=True) if not right and self._is_suspect(m[0])]
        if not suspects or sum(known) < 2 * len(suspects):
            return Outcome(caption)
        value, evidence = caption, 1.0
        changes: list[str] = []
        for m in reversed(suspects):
            right, share = self._correction(m[0])
            if right != m[0] and share >= self.certainty:
                value = value[: m.start()] + right + value[m.end() :]
                changes.insert(0, f"{m[0]}: {right}")
                evidence = min(evidence, share)
        return (
            Outcome(value, f"spelling {', '.join(changes)}"[:200], self.apply, evidence)
            if changes
            else Outcome(caption)
        )

    def _is_suspect(self, word: str) -> bool:
        return len(word) >= self.min_letters and word not in self._usual and _PLAIN.match(word) is not None

    def _correction(self, word: str) -> tuple[str, float]:
        """Return the likeliest known word one edit away and its share; the word itself where there is none."""
        if word not in self._seen:
            if len(self._seen) >= 100_000:
                self._seen.clear()
            near = self._dictionary.known(self._dictionary.edit_distance_1(word)) if len(word) <= 30 else set()
            total = sum(self._dictionary[other] for other in near)
            best = max(sorted(near), key=lambda other: self._dictionary[other], default=word)
            self._seen[word] = (best, self._dictionary[best] / total if total else 0.0)
        return self._seen[word]
