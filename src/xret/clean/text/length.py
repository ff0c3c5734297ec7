"""Length: captions that are too short or too long."""

from typing import Literal, get_args

from xret.clean import Outcome
from xret.clean.text._caption import has_symbol, words

Long = Literal["cut", "drop"]


class Length:
    """Leave out captions that are too short, and cut or leave out those that are too long.

    Each Chinese character counts as a word, and a caption of pictographs alone as one word. A caption is cut behind a
    word, never within one, unless a single word is longer than what is kept.

    Args:
        min_words: fewer words than this: left out. 1 leaves out captions without any word or pictograph.
        max_words: more than this are too many; None: any number.
        min_characters: fewer characters than this: left out.
        max_characters: more than this are too many; None: any number.
        long: what happens to what is too long: "cut" keeps its beginning, "drop" leaves it out.

    Raises:
        ValueError: unless 0 <= min <= max and max >= 1 of both, or `long` is something else.
    """

    def __init__(
        self,
        min_words: int = 1,
        max_words: int | None = 256,
        min_characters: int = 1,
        max_characters: int | None = 2000,
        long: Long = "cut",
    ) -> None:
        for unit, least, most in (("words", min_words, max_words), ("characters", min_characters, max_characters)):
            if least < 0 or (most is not None and most < max(least, 1)):
                raise ValueError(f"need 0 <= min_{unit} <= max_{unit} and max_{unit} >= 1, got {least} and {most}")
        if long not in get_args(Long):
            raise ValueError(f"long must be one of {', '.join(get_args(Long))}, got {long!r}")
        self.min_words, self.max_words = min_words, max_words
        self.min_characters, self.max_characters = min_characters, max_characters
        self.long = long

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption, its beginning, or None."""
        kept = caption
        if self.max_characters is not None and len(caption) > self.max_characters:
            if self.long == "drop":
                return Outcome(None, f"{len(caption)} characters, more than {self.max_characters}")
            kept = _whole_words(caption, self.max_characters)
        found = words(kept)
        if self.max_words is not None and len(found) > self.max_words:
            if self.long == "drop":
                return Outcome(None, f"more than {self.max_words} words")
            kept = kept[: found[self.max_words - 1].end]
        count = min(len(found), self.max_words or len(found)) or int(has_symbol(kept))
        if len(kept) < self.min_characters or count < self.min_words:
            return Outcome(None, f"{len(kept)} characters, {count} words: too short")
        return (
            Outcome(kept, f"cut to {len(kept)} of {len(caption)} characters") if kept != caption else Outcome(caption)
        )


def _whole_words(text: str, most: int) -> str:
    """Return the beginning of a text, at most so many characters, ending with a whole word where there is one."""
    head = text[:most]
    if text[most].isspace():
        return head.rstrip() or head
    space = max(head.rfind(" ", most // 2), head.rfind("\n", most // 2), head.rfind("\t", most // 2))
    return (head[:space].rstrip() if space > 0 else head) or head
