"""Stem: words by their stems, for lexical matching."""

import re
from functools import lru_cache

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, outcome, settle

_TOKEN = re.compile(r"[^\W\d_]+")


class Stem:
    """Put the stem in the place of each word: "running shoes" is "run shoe".

    Meant for lexical matching; encoders read words, not stems. Words become small letters and are stemmed until their
    stem is stable, which Snowball alone does not see to. What is no word stays where it is.

    Source: Snowball, Porter 2001, https://snowballstem.org (package ``snowballstemmer``).

    Args:
        language: name of a Snowball algorithm: english, german, french ...

    Raises:
        UserError: the package snowballstemmer is not installed, or has no such language.
    """

    def __init__(self, language: str = "english") -> None:
        try:
            import snowballstemmer
        except ImportError as e:
            raise UserError("the step stem needs snowballstemmer: pip install 'xret[clean]'") from e
        if language not in (known := snowballstemmer.algorithms()):
            raise UserError(f"language must be one of {', '.join(known)}, got {language}")
        self.language = language
        self._stemmer = snowballstemmer.stemmer(language)
        self._stem = lru_cache(maxsize=100_000)(self._stable)

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption in stems."""
        if len(caption) > TOO_LONG:
            return Outcome(caption)
        return outcome(caption, _TOKEN.sub(lambda m: self._stem(m[0]), caption), "stems")

    def _stable(self, word: str) -> str:
        return settle(self._stemmer.stemWord, word.lower()) or word
