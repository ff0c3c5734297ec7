"""Weights of words: how far a score falls when one word is left out."""

import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

MAX_WORDS = 128
"""Words of one text that are weighted; those behind have no weight."""

_HAN = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"  # written without spaces: each character is a word
_WORD = re.compile(rf"[{_HAN}]|(?:(?![{_HAN}])\w)+(?:['\u2019-](?:(?![{_HAN}])\w)+)*")
_ANY = re.compile(r"\S+")


class Word(NamedTuple):
    """One word of a text.

    Attributes:
        start: where it begins, in characters.
        end: where it ends.
        weight: of the score, that which is lost without the word; below zero the word is in the way.
    """

    start: int
    end: int
    weight: float


def spans(text: str) -> list[tuple[int, int]]:
    """Return (start, end) of the words of a text: what is between punctuation and spaces, of Chinese each character.

    Where there is nothing but punctuation or symbols, everything between spaces is a word.
    """
    return [m.span() for m in _WORD.finditer(text)] or [m.span() for m in _ANY.finditer(text)]


@torch.no_grad()
def leave_one_out(score: Callable[[Sequence[str]], Tensor], text: str, batch: int = 32) -> list[Word]:
    """Return the words of a text with their weights.

    The weight is what it says, measured and not estimated by a gradient: the score of the text less the score of the
    text without the word (Li et al. 2016, https://arxiv.org/abs/1612.08220, sec. 3.1, there relative to the score).

    Args:
        score: N texts -> (N,) float.
        text: whose first `MAX_WORDS` words are weighted.
        batch: texts that are encoded at a time.
    """
    places = spans(text)[:MAX_WORDS]
    texts = [text, *(" ".join((text[:start] + text[end:]).split()) for start, end in places)]
    values = torch.cat([score(texts[i : i + batch]).float().cpu() for i in range(0, len(texts), batch)])
    falls = (values[0] - values[1:]).tolist()
    return [Word(start, end, fall) for (start, end), fall in zip(places, falls, strict=True)]
