"""Which phrases at the ends of captions are boilerplate: the counting and the tests behind `boilerplate`."""

import itertools
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from xret.clean.text._caption import is_han

Phrase = tuple[str, ...]
Captions = list[Phrase]
OWN_START = 3  # times as often as with this phrase a word begins captions: it is theirs, not the phrase's


@dataclass(frozen=True)
class Bounds:
    """What a phrase must be to be boilerplate; see `xret.clean.text.boilerplate.Boilerplate`."""

    min_words: int
    max_words: int
    min_share: float
    min_count: int
    breadth: float
    fit_share: float

    def holds(self, phrase: Phrase) -> bool:
        """Tell whether a phrase is of a length that is looked for; two Chinese characters are a word and a third."""
        chinese = sum(is_han(word[0]) for word in phrase)
        others = len(phrase) - chinese
        shortest = others + chinese * self.min_words / (self.min_words + 1)
        return shortest >= self.min_words and others + chinese / 2 <= self.max_words


def boilerplate(captions: Captions, bounds: Bounds) -> tuple[set[Phrase], set[Phrase]]:
    """Return the phrases that captions begin with, and those that they end with."""
    least = max(bounds.min_count, bounds.min_share * len(captions))
    backward = [caption[::-1] for caption in captions]
    front = {p: rows for p, rows in _frequent(captions, least, 2 * bounds.max_words) if bounds.holds(p)}
    back = {p: rows for p, rows in _frequent(backward, least, 2 * bounds.max_words) if bounds.holds(p)}
    bare = _bare(captions, front, back)
    found = _End(captions, front, bare, bounds).found()
    found_back = _End(backward, back, [caption[::-1] for caption in bare], bounds).found()
    return found, {phrase[::-1] for phrase in found_back}


def _frequent(pool: Captions, least: float, longest: int) -> Iterator[tuple[Phrase, list[int]]]:
    """Yield each beginning that so many captions have, and their rows; only frequent ones are made longer."""
    level: dict[Phrase, list[int]] = {(): list(range(len(pool)))}
    for size in range(1, longest + 1):
        longer: dict[Phrase, list[int]] = defaultdict(list)
        for row in itertools.chain.from_iterable(level.values()):
            if len(pool[row]) > size:  # something must remain
                longer[pool[row][:size]].append(row)
        level = {phrase: rows for phrase, rows in longer.items() if len(rows) >= least}
        yield from level.items()


def _bare(captions: Captions, front: dict[Phrase, list[int]], back: dict[Phrase, list[int]]) -> Captions:
    """Return the captions without the longest frequent phrase at either end."""
    skip, drop = [0] * len(captions), [0] * len(captions)
    for phrases, taken in ((front, skip), (back, drop)):
        for phrase, rows in phrases.items():
            for row in rows:
                taken[row] = max(taken[row], len(phrase))
    return [c[a : len(c) - b] or c for c, a, b in zip(captions, skip, drop, strict=True)]


class _End:
    """One end of the captions; at the back, the captions are read backwards."""

    def __init__(self, pool: Captions, frequent: dict[Phrase, list[int]], bare: Captions, bounds: Bounds) -> None:
        self._pool, self._bare, self._bounds = pool, bare, bounds
        self._vocabularies: dict[int, int] = {}
        self._varied = {phrase: rows for phrase, rows in frequent.items() if self._is_varied(phrase, rows)}
        self._starts = [{caption[0]} for caption in pool]  # the words that a caption may begin with
        for phrase, rows in self._varied.items():
            for row in rows:
                self._starts[row].add(pool[row][len(phrase)])
        self._near = Counter(itertools.chain.from_iterable(self._starts))
        self._far = Counter(caption[-1] for caption in bare)
        free = [next(iter(starts)) for starts in self._starts if len(starts) == 1]
        usual = free if len(free) >= bounds.min_count else list(itertools.chain.from_iterable(self._starts))
        self._near_base = sum(self._near[word] > 1 for word in usual) / len(usual)
        self._far_base = sum(self._far[caption[-1]] > 1 for caption in bare) / len(bare)

    def found(self) -> set[Phrase]:
        return {p for p, rows in self._varied.items() if not self._is_too_long(p, rows) and self._fits(p, rows)}

    def _is_varied(self, phrase: Phrase, rows: list[int]) -> bool:
        rest = {self._pool[row][len(phrase) :] for row in rows}
        if 2 * len(rest) < len(rows):
            return False
        return len(set(itertools.chain.from_iterable(rest))) >= self._bounds.breadth * self._vocabulary(len(rows))

    def _vocabulary(self, count: int) -> int:
        """Return how many different words so many captions have that are drawn evenly."""
        if count not in self._vocabularies:
            step = len(self._bare) / count
            drawn = (self._bare[int(i * step)] for i in range(count))
            self._vocabularies[count] = len(set(itertools.chain.from_iterable(drawn)))
        return self._vocabularies[count]

    def _is_too_long(self, phrase: Phrase, rows: list[int]) -> bool:
        """Tell whether the last word is the first of the captions behind a shorter phrase."""
        return phrase[:-1] in self._varied and self._near[phrase[-1]] >= OWN_START * len(rows)

    def _fits(self, phrase: Phrase, rows: list[int]) -> bool:
        """Tell whether what remains begins and ends with words that other captions begin and end with."""
        own = Counter(itertools.chain.from_iterable(self._starts[row] for row in rows))
        near = sum(self._near[w] > own[w] for w in (self._pool[row][len(phrase)] for row in rows))
        ends = Counter(self._bare[row][-1] for row in rows)
        far = sum(count for word, count in ends.items() if self._far[word] > count)
        least = self._bounds.fit_share * len(rows)
        return near >= least * self._near_base and far >= least * self._far_base
