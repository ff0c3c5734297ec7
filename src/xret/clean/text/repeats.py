"""Repeats: phrases and words said again and again."""

import itertools
import re

from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, Word, is_han, outcome, settle, words

# Words that no sentence says twice in a row; "that that", "had had" and "very very" are English.
_SLIPS = frozenset([
    "a", "an", "the", "of", "and", "with", "for", "in", "on", "at", "to", "from", "by", "or",
])  # fmt: skip
_LIGHT = re.compile(r"[\s,，、/|·]*\Z")


class Repeats:
    """Keep one of several equal phrases in a row.

    - A phrase of two or more words, or of three or more Chinese characters, that follows itself is kept once, whatever
      punctuation stands between: "red dress, red dress red dress" is "red dress".
    - A single word, or two Chinese characters, is kept once where it stands three or more times in a row with nothing
      but spaces and commas between; twice stays ("very very", "bye-bye", "Chi Chi", 研究研究), and so do "Fire! Fire!
      Fire!" and hyphens. Function words ("the the", "of of") are kept once already where they stand twice.
    - One Chinese character (哈哈哈) and numbers ("10 10 10") are never touched.

    It cannot empty a caption.

    Args:
        longest: words, or Chinese characters, of the longest phrase looked for.

    Raises:
        ValueError: longest < 1.
    """

    def __init__(self, longest: int = 12) -> None:
        if longest < 1:
            raise ValueError(f"longest must be 1 or more words, got {longest}")
        self.longest = longest

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption with each repeated phrase once."""
        if len(caption) > TOO_LONG:
            return Outcome(caption)
        found = words(caption)
        if len({word.text for word in found}) == len(found):
            return Outcome(caption)
        return outcome(caption, settle(self._strip, caption), "repeated words")

    def _strip(self, caption: str) -> str:
        found = words(caption)
        for size in range(min(self.longest, len(found) // 2), 0, -1):
            caption_, changed = _once(caption, found, size)
            if changed:
                caption, found = caption_, words(caption_)
        return caption


def _once(text: str, found: list[Word], size: int) -> tuple[str, bool]:
    """Return the text with each run of a phrase of `size` words kept once, and whether there was one."""
    pieces, at, i, n = [], 0, 0, len(found)
    while i + size < n:
        if found[i].text != found[i + size].text:
            i += 1
            continue
        equal = 0  # how many words in a row equal the one `size` before them
        while i + size + equal < n and found[i + equal].text == found[i + size + equal].text:
            equal += 1
        times = equal // size + 1
        last = found[i + times * size - 1]
        if times > 1 and _is_dirt(text, found[i : i + times * size], size, times):
            pieces.append(text[at : found[i + size - 1].end])
            at = last.end
            i += times * size
        else:
            i += max(1, equal - size + 1) if times > 1 else equal + 1
    return "".join([*pieces, text[at:]]), bool(pieces)


def _is_dirt(text: str, run: list[Word], size: int, times: int) -> bool:
    phrase = run[:size]
    chinese = [is_han(word.text[0]) for word in phrase]
    if all(word.text.isdigit() for word in phrase) or len({word.text for word in phrase}) == 1 < size:
        return False
    if size > 2 or (size == 2 and not all(chinese)):
        return True
    if size == 1 and chinese[0]:
        return False
    if times < 3 and not (size == 1 and phrase[0].text in _SLIPS):
        return False
    between = (text[a.end : b.start] for a, b in itertools.pairwise(run))
    return all(_LIGHT.match(gap) for gap in between)
