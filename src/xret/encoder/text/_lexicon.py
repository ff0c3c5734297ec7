"""Words that count more, or less, than others: lists of them, and where they stand in a text."""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import torch
from torch import Tensor

from xret._errors import UserError

SHIPPED = Path(__file__).with_name("_lexicons")
_LETTER = r"[^\W_\u3400-\u9fff]"  # of a script that puts spaces between words


class Lexicon:
    """Weights of words by the lists they stand in.

    A list is a text file with one entry per line, of one word or several; lines that begin with ``#`` are comments.
    Upper and lower case are the same, and so are space and hyphen; inflected forms are entries of their own. Entries
    are looked up as whole words; those in Chinese characters anywhere, as there are no spaces between words. Of the
    entries that match at a place the longest counts. An entry of two lists has the weight of the list that ``weights``
    names first.

    Args:
        weights: name of a list -> weight of its words, at least 0; all other words have 1.
        files: name -> file, lists beside those that are shipped (colour, style, material, promotion) or in their place.

    Raises:
        ValueError: no list has that name, a list has a file but no weight, or a weight is negative.
        UserError: a file cannot be read, or holds no entry.
    """

    def __init__(self, weights: Mapping[str, float], files: Mapping[str, str] | None = None) -> None:
        paths = {path.stem: path for path in sorted(SHIPPED.glob("*.txt"))}
        paths |= {name: Path(path).expanduser() for name, path in (files or {}).items()}
        unused = sorted(set(files or {}) - set(weights))
        if unused:
            raise ValueError(f"each of lexicons needs an entry in weights, and {unused[0]!r} has none")
        self.weights: dict[str, float] = {}
        for name, weight in weights.items():
            if name not in paths:
                raise ValueError(
                    f"weights must name word lists, {', '.join(sorted(paths))} or one of lexicons; got {name!r}"
                )
            if not 0 <= weight < math.inf:
                raise ValueError(f"the weight of {name} must be at least 0, got {weight}")
            for entry in _entries(paths[name]):
                self.weights.setdefault(entry, float(weight))

    def __getstate__(self) -> dict[str, object]:
        """Return what another process needs."""
        return {"weights": self.weights}

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile("|".join(f"({_whole(entry)})" for entry in self._longest_first), re.IGNORECASE)

    @cached_property
    def _longest_first(self) -> list[str]:
        return sorted(self.weights, key=lambda entry: (-len(entry), entry))

    def find(self, text: str) -> Iterator[tuple[int, int, float]]:
        """Yield begin, end and weight of each entry in a text, from left to right; none overlaps another."""
        for match in self._pattern.finditer(text):
            yield match.start(), match.end(), self.weights[self._longest_first[(match.lastindex or 1) - 1]]

    def weigh(self, texts: Sequence[str], offsets: Tensor) -> Tensor:
        """Return the weights of tokens.

        Args:
            texts: B texts.
            offsets: (B, L, 2) int64, the characters of its text [begin, end) a token stands for; empty for special
                tokens and padding, whose weight is 1.

        Returns:
            (B, L) float32. A token that reaches into several entries has the weight of the first.
        """
        weights = torch.ones(offsets.shape[:2])
        begins, ends = offsets.unbind(dim=2)
        for i, text in enumerate(texts):
            for begin, end, weight in reversed(list(self.find(text))):
                weights[i, (begins[i] < end) & (ends[i] > begin) & (begins[i] < ends[i])] = weight
        return weights


def _entries(path: Path) -> list[str]:
    """Return the entries of a word list.

    Raises:
        UserError: the file cannot be read, or holds none.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"lexicons must be text files in UTF-8; {path} cannot be read: {error}") from None
    entries = [_normal(line) for line in lines if line.strip() and not line.startswith("#")]
    if not entries:
        raise UserError(f"lexicons must hold a word per line; there is none in {path}")
    return entries


def _normal(entry: str) -> str:
    return " ".join(entry.lower().replace("-", " ").split())


def _whole(entry: str) -> str:
    """Return the pattern of an entry that neither begins nor ends within a word."""
    words = r"[\s-]+".join(re.escape(word) for word in entry.split())
    before = rf"(?<!{_LETTER})" if re.match(_LETTER, entry[0]) else ""
    after = rf"(?!{_LETTER})" if re.match(_LETTER, entry[-1]) else ""
    return before + words + after
