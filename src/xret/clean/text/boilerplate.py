"""Boilerplate: phrases that many captions begin or end with, found by counting."""

from collections.abc import Iterable
from typing import Any

from xret.clean import Outcome
from xret.clean.text._caption import TOO_LONG, cut_out, has_content, outcome, plain_words, words
from xret.clean.text._ends import Bounds, Phrase, boilerplate
from xret.clean.text._stamps import stamps, without

_MOST_CHARACTERS = 2000  # of a caption that are counted


class Boilerplate:
    """Take phrases off the ends of captions that stand on an unusual share of different captions.

    ``fit`` counts how many captions begin and end with each run of words (of characters, in Chinese). Captions share
    words because they show the same thing too ("woman with ...", "... in American Sign Language"), so a frequent run is
    boilerplate only where what remains looks like captions drawn from the data:

    1. it is long enough and stands on enough captions; half as many do where it stands at both ends, and four fifths
       where it is longer than two words;
    2. what remains is varied: it has at least `breadth` of the different words of as many captions drawn evenly, and at
       most about a third of it are captions in their own right (then the phrase tells captions from each other);
    3. what remains begins, and ends, with words that are as usual there as in other captions;
    4. it is hardly found within captions.

    Before that, phrases of three words or more go without these tests where 8 % of all captions have them at an end, in
    words that hardly stand elsewhere, and what remains is different each time. So do, on as many captions as are asked
    for, two phrases around them that hardly stand without each other ("Rent ... by the day"), where what is between
    them begins and ends as usual.

    Other captions are looked at without their own candidates, so a set in which every caption has one of several
    phrases is told too. A phrase within a caption is the matter of the step `advert`; one that would leave no content
    stays.

    Source: repeated-substring and document-frequency filters, as in Lee et al. 2022, https://arxiv.org/abs/2107.06499
    (sec. 4.1); the tests of what remains are this bench's own.

    Args:
        min_words: words of the shortest phrase; Chinese characters: one more.
        max_words: words of the longest phrase; Chinese characters: twice as many.
        min_share: share of the captions, of all or of one source, that have a phrase of two words, in (0, 1].
        min_count: captions that have it, whatever the share.
        breadth: see 2, in (0, 1]; less for few captions, by the noise of drawing them.
        max_captions: captions that are looked at; of more, every second, fourth, ... is.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        min_words: int = 2,
        max_words: int = 8,
        min_share: float = 0.01,
        min_count: int = 10,
        breadth: float = 0.7,
        max_captions: int = 200_000,
    ) -> None:
        if not 1 <= min_words <= max_words:
            raise ValueError(f"need 1 <= min_words <= max_words, got {min_words} and {max_words}")
        for name, share in (("min_share", min_share), ("breadth", breadth)):
            if not 0 < share <= 1:
                raise ValueError(f"{name} must be in (0, 1], got {share}")
        if min_count < 2 or max_captions < min_count:
            raise ValueError(f"need 2 <= min_count <= max_captions, got {min_count} and {max_captions}")
        self._bounds = Bounds(min_words, max_words, min_share, min_count, breadth)
        self.max_captions = max_captions
        self._learnt: frozenset[Phrase] = frozenset()

    def fit(self, values: Iterable[tuple[str, str]]) -> None:
        """Find the boilerplate of the training captions, of all together and of each source."""
        captions, sources = [], []
        for source, caption in _thinned(values, self.max_captions):
            if said := tuple(plain_words(caption[:_MOST_CHARACTERS])):
                captions.append(said)
                sources.append(source)
        found: set[Phrase] = set()
        if len(captions) >= 2 * self._bounds.min_count:
            different = list(dict.fromkeys(captions))
            least = max(self._bounds.min_count, self._bounds.min_share * len(different))
            found = stamps(different, 2 * self._bounds.max_words, least)
            found |= boilerplate(list(without(captions, found)), sources, self._bounds)
        self._learnt = frozenset(found)

    def state(self) -> dict[str, Any]:
        """Return the phrases found."""
        return {"phrases": sorted(list(phrase) for phrase in self._learnt)}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on with the phrases found before."""
        self._learnt = frozenset(tuple(phrase) for phrase in state["phrases"])

    def __call__(self, caption: str) -> Outcome[str]:
        """Return the caption without the phrases found by `fit`."""
        if len(caption) > TOO_LONG or not self._learnt:
            return Outcome(caption)
        after, taken = caption, []
        while cut := self._cut(after):
            after, phrase = cut
            taken.append(phrase)
        return outcome(caption, after, f"boilerplate: {', '.join(taken)}"[:200])

    def _cut(self, caption: str) -> tuple[str, str] | None:
        """Return the caption without its longest phrase at either end, and that phrase."""
        found = words(caption)
        for side in ("front", "back"):
            for size in range(min(2 * self._bounds.max_words, len(found) - 1), 0, -1):
                piece = found[:size] if side == "front" else found[-size:]
                if tuple(word.text for word in piece) in self._learnt:
                    shorter = cut_out(caption, piece[0].start, piece[-1].end)
                    if has_content(shorter):
                        return shorter, caption[piece[0].start : piece[-1].end]
                    break
        return None


def _thinned(values: Iterable[tuple[str, str]], most: int) -> list[tuple[str, str]]:
    """Return at most so many values, evenly out of all, without holding more than twice as many."""
    kept: list[tuple[str, str]] = []
    step = 1
    for i, value in enumerate(values):
        if i % step:
            continue
        kept.append(value)
        if len(kept) > most:
            kept, step = kept[::2], 2 * step
    return kept
