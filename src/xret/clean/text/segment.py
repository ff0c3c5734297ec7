"""Segment: spaces between the words of Chinese captions."""

import logging
import re
from functools import lru_cache

from xret._errors import UserError
from xret.clean import Outcome
from xret.clean.text._caption import HAN, outcome

_RUN = re.compile(f"[{HAN}]+")
LONGEST = 20_000  # characters; cutting takes some 10 µs for each
_KANA = re.compile("[\u3040-\u30ff]")


class Segment:
    """Put spaces between the words of Chinese text, for encoders and indices that go by words.

    Other scripts and punctuation stay as they are, and so do Japanese, a caption with kana, and texts of more than
    20,000 characters.

    Source: package ``jieba``, https://github.com/fxsjy/jieba: the likeliest path through a dictionary, and a hidden
    Markov model for what is not in it.

    Args:
        unknown: cut words that are not in the dictionary by the model; otherwise character by character.

    Raises:
        UserError: the package jieba is not installed.
    """

    def __init__(self, unknown: bool = True) -> None:
        try:
            import jieba
        except ImportError as e:
            raise UserError("the step segment needs jieba: pip install 'xret[zh]'") from e
        jieba.setLogLevel(logging.WARNING)
        self.unknown = unknown
        self._cut = lru_cache(maxsize=10_000)(self._pieces)
        self._jieba = jieba.Tokenizer()
        self._jieba.initialize()  # here, not at the first caption

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption with its Chinese words apart."""
        if len(caption) > LONGEST or caption.isascii() or _KANA.search(caption):
            return Outcome(caption)
        return outcome(caption, _RUN.sub(lambda m: " ".join(self._cut(m[0])), caption), "words set apart")

    def _pieces(self, text: str) -> tuple[str, ...]:
        """Return the words; each is cut again until it is one, so that a second cleaning finds nothing to cut."""
        pieces = self._jieba.lcut(text, HMM=self.unknown)
        if len(pieces) == 1:
            return (text,)
        return tuple(word for piece in pieces for word in self._pieces(piece))
