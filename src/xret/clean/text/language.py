"""Language: captions in a language that the data set is not in."""

import re
from collections import Counter
from collections.abc import Sequence

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG

# Scripts that tell a language, or a few; Latin and Cyrillic letters are left to the words.
_SCRIPTS = {
    "Chinese": ("\u3400-\u9fff", {"zh", "ja"}),
    "Kana": ("\u3040-\u30ff", {"ja"}),
    "Hangul": ("\u1100-\u11ff\uac00-\ud7af", {"ko"}),
    "Cyrillic": ("\u0400-\u04ff", {"ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn"}),
    "Arabic": ("\u0600-\u06ff", {"ar", "fa", "ur", "ps", "ug"}),
    "Hebrew": ("\u0590-\u05ff", {"he", "yi"}),
    "Greek": ("\u0370-\u03ff", {"el"}),
    "Thai": ("\u0e00-\u0e7f", {"th"}),
    "Devanagari": ("\u0900-\u097f", {"hi", "mr", "ne"}),
}
_LETTERS = {name: re.compile(f"[{letters}]") for name, (letters, _) in _SCRIPTS.items()}
_LETTER = re.compile(r"[^\W\d_]")
_NOT_LATIN = frozenset([
    "zh", "ja", "ko", "ru", "uk", "bg", "sr", "mk", "be", "kk", "ky", "mn", "ar", "fa", "ur", "ps", "ug", "he",
    "yi", "el", "th", "hi", "mr", "ne", "am", "as", "bn", "dz", "gu", "hy", "ka", "km", "kn", "lo", "ml", "or",
    "pa", "si", "ta", "te",
])  # fmt: skip
_ENOUGH = 1000  # letters that are looked at


class Language:
    """Leave out captions in other languages than the allowed ones.

    The script decides first: four or more letters, most of the caption, in a script that no allowed language is
    written in. A caption in Latin letters is then left out where the model gives the allowed languages together less
    than 1 - `certainty`, and only with `min_letters` letters or more and four words: short captions, names and brands
    are never left out on thin evidence. Captions in Cyrillic, Arabic and the like are told by their script alone.

    Source: langid, Lui and Baldwin 2012, https://aclanthology.org/P12-3005 (package ``py3langid``).

    Args:
        allowed: languages, ISO 639-1: en, zh, de. Empty: all.
        certainty: how sure the model must be, in [0.5, 1).
        min_letters: a caption with fewer letters is kept, whatever the model says.

    Raises:
        ValueError: an unknown language, or an argument out of range.
        UserError: the package py3langid is not installed.
    """

    def __init__(self, allowed: Sequence[str] = (), certainty: float = 0.98, min_letters: int = 25) -> None:
        if not 0.5 <= certainty < 1:
            raise ValueError(f"certainty must be in [0.5, 1), got {certainty}")
        if min_letters < 1:
            raise ValueError(f"min_letters must be 1 or more, got {min_letters}")
        self.allowed = frozenset(allowed)
        self.certainty, self.min_letters = certainty, min_letters
        if not self.allowed:
            return
        try:
            from py3langid.langid import MODEL_FILE, LanguageIdentifier
        except ImportError as e:
            raise UserError("the step language needs py3langid: pip install 'xret[clean]'") from e
        self._model = LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
        known = set(self._model.labels)
        if wrong := self.allowed - known:
            raise ValueError(f"allowed must be ISO 639-1 codes such as en or zh, got {', '.join(sorted(wrong))}")
        self._model.set_languages([label for label in known if label not in _NOT_LATIN])

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption, or None for one in another language."""
        if not self.allowed or len(caption) > TOO_LONG:
            return Outcome(caption)
        text = caption[:_ENOUGH]
        letters = len(_LETTER.findall(text))
        counts = Counter({} if text.isascii() else {name: len(found.findall(text)) for name, found in _LETTERS.items()})
        if counts["Kana"] * 5 > counts["Chinese"]:  # Japanese has Chinese characters too
            counts["Kana"] += counts.pop("Chinese")
        script, most = counts.most_common(1)[0] if counts else ("", 0)
        if most * 2 > letters:
            wrong = most >= 4 and not self.allowed & _SCRIPTS[script][1]
            return Outcome(None, f"letters are {script}", evidence=most / letters) if wrong else Outcome(caption)
        if letters < self.min_letters or len(text.split()) < 4 or most:
            return Outcome(caption)
        return self._by_words(caption, text)

    def _by_words(self, caption: str, text: str) -> Outcome[str]:
        ranked = self._model.rank(text.lower() if text.isupper() else text)
        share = float(sum(p for label, p in ranked if label in self.allowed))
        if share >= 1 - self.certainty:
            return Outcome(caption)
        return Outcome(None, f"language is {ranked[0][0]}", evidence=1 - share)
