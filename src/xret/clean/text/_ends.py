"""Which phrases at the ends of captions are boilerplate: the counting and the tests behind `boilerplate`."""

import itertools
import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from xret.clean.text._caption import is_han

Phrase = tuple[str, ...]
Captions = list[Phrase]
OWN_START = 3  # a word that begins so many times as many captions as a phrase has is theirs, not the phrase's ...
FOLLOWED = 3  # ... where it begins them without a phrase, or behind so many different ones
COMPARED, DRAWS = 12, 9  # words of a caption whose variety is compared, and how often captions are drawn for it
CHAIN = 0.7  # a phrase and its beginning are one matter where the longer one has that share of the captions
MERGED = 0.35  # largest share of remainders that are captions, or remainders of other phrases
OF_SOURCE = (
    0.2  # share of the captions of one source that make a phrase its boilerplate, whatever the other sources say
)
OWN = 0.5  # of one of its words, most captions that have it have it in such a phrase
SHARED = (
    0.5  # by how much the commonest word next to the cut, or on the other end, may be commoner than in other captions
)
SURE, FEW = 2, 0.8  # words: a longer phrase needs fewer captions in proportion, down to this share
WITHIN = 0.2  # largest share of a phrase's occurrences within captions, to those at their ends
NOISE = 0.6  # shares of n captions may be off by so much / sqrt(n)
SLACK = {"near": 0.25, "far": 0.4}  # by how many deviations the remainders' words may be rarer than usual ...
Z = 1.5  # ... and by how many standard errors more


@dataclass(frozen=True)
class Bounds:
    """What a phrase must be to be boilerplate; see `xret.clean.text.boilerplate.Boilerplate`."""

    min_words: int
    max_words: int
    min_share: float
    min_count: int
    breadth: float

    def holds(self, phrase: Phrase) -> bool:
        """Tell whether a phrase is of a length that is looked for; two Chinese characters are a word and a third."""
        chinese = sum(is_han(word[0]) for word in phrase)
        shortest = len(phrase) - chinese + chinese * self.min_words / (self.min_words + 1)
        return shortest >= self.min_words and _length(phrase) <= self.max_words


def _length(phrase: Phrase) -> float:
    """Return the length in words, of which a Chinese character is half a one."""
    return sum(0.5 if is_han(word[0]) else 1.0 for word in phrase)


def boilerplate(captions: Captions, sources: list[str], bounds: Bounds) -> set[Phrase]:
    """Return the phrases that were put before or behind captions, whatever these say."""
    sizes = Counter(sources)
    least = max(bounds.min_count, bounds.min_share * len(captions))
    rarest = bounds.min_count if len(sizes) > 1 else least
    backward = [caption[::-1] for caption in captions]
    front = {p: rows for p, rows in frequent(captions, rarest / 4, 2 * bounds.max_words) if bounds.holds(p)}
    back = {p: rows for p, rows in frequent(backward, rarest / 4, 2 * bounds.max_words) if bounds.holds(p)}
    at_front, at_back = _taken(len(captions), front), _taken(len(captions), back)
    ends = _End(captions, front, at_front, at_back, bounds), _End(backward, back, at_back, at_front, bounds)
    found = {}
    for phrase in ends[0].varied.keys() | {phrase[::-1] for phrase in ends[1].varied}:
        views = [end.view(p) for end, p in zip(ends, (phrase, phrase[::-1]), strict=True) if p in end.varied]
        rows = [row for view in views for row in view.rows]
        source, most = Counter(sources[row] for row in rows).most_common(1)[0]
        of_one = most == len(rows) and OF_SOURCE * sizes[source] <= most and len(sizes) > 1
        needed = max(bounds.min_count, OF_SOURCE * sizes[source]) if of_one else least
        # Long phrases, and those that stand at both ends, are rarely content.
        needed *= max(FEW, min(1, SURE / _length(phrase))) / len(views)
        if len(rows) >= needed and (2 * len(rows) > len(captions) or _fits(views)):
            found[phrase] = rows
    within = _within(captions, found)
    own = _own(captions, found)
    return {phrase for phrase, rows in found.items() if within[phrase] <= WITHIN * len(rows) and own[phrase] >= OWN}


def _own(captions: Captions, found: dict[Phrase, list[int]]) -> dict[Phrase, float]:
    """Return the largest share, over a phrase's words, of the captions with the word that have it in such a phrase."""
    covered: dict[str, set[int]] = defaultdict(set)
    for phrase, rows in found.items():
        for mark in _marks(phrase):
            covered[mark].update(rows)
    total = Counter(mark for caption in captions for mark in _marks(caption) if mark in covered)
    return {phrase: max(len(covered[m]) / total[m] for m in _marks(phrase)) for phrase in found}


def _marks(phrase: Phrase) -> set[str]:
    """Return the different words, and pairs of neighbouring Chinese characters."""
    pairs = {a + b for a, b in itertools.pairwise(phrase) if is_han(a[0]) and is_han(b[0])}
    return pairs | {word for word in phrase if not is_han(word[0])} or set(phrase)


def _within(captions: Captions, phrases: Iterable[Phrase]) -> Counter[Phrase]:
    """Return how often each phrase stands between the first and the last word of a caption."""
    phrases = set(phrases)
    first, sizes = {phrase[0] for phrase in phrases}, {len(phrase) for phrase in phrases}
    counts: Counter[Phrase] = Counter()
    for caption in captions:
        for i in range(1, len(caption) - 1):
            if caption[i] in first:
                pieces = (caption[i : i + size] for size in sizes if i + size < len(caption))
                counts.update(piece for piece in pieces if piece in phrases)
    return counts


@dataclass(frozen=True)
class _View:
    """How a phrase stands at one end: on which captions, and how usual the remainders' words are, in deviations."""

    rows: list[int]
    near: list[float]
    far: list[float]


def _fits(views: list[_View]) -> bool:
    for which, slack in SLACK.items():
        usual = [deviation for view in views for deviation in getattr(view, which)]
        if statistics.fmean(usual) < -slack - Z / math.sqrt(len(usual)):
            return False
    return True


class _Usual:
    """How usual a word is at one place of captions, in standard deviations of the logarithm of its count."""

    def __init__(self, counts: Counter[str], reference: Iterable[str]) -> None:
        self._counts = counts
        logs = [math.log(counts[word] - 0.5) for word in reference]
        self._mean, self._deviation = statistics.fmean(logs), max(statistics.pstdev(logs), 0.5)

    def deviation(self, word: str, own: int) -> float:
        """Return it for a word that the phrase's own captions have there so many times."""
        return (math.log(max(self._counts[word] - own, 0) + 0.5) - self._mean) / self._deviation


def frequent(pool: Captions, least: float, longest: int) -> Iterator[tuple[Phrase, list[int]]]:
    """Yield each beginning that so many captions have, and their rows; only frequent ones are made longer."""
    level: dict[Phrase, list[int]] = {(): list(range(len(pool)))}
    for size in range(1, longest + 1):
        longer: dict[Phrase, list[int]] = defaultdict(list)
        for row in itertools.chain.from_iterable(level.values()):
            if len(pool[row]) > size:  # something must remain
                longer[pool[row][:size]].append(row)
        level = {phrase: rows for phrase, rows in longer.items() if len(rows) >= least}
        yield from level.items()


def _taken(count: int, phrases: dict[Phrase, list[int]]) -> list[int]:
    """Return, for each of so many captions, the length of its longest frequent phrase."""
    taken = [0] * count
    for phrase, rows in phrases.items():
        for row in rows:
            taken[row] = max(taken[row], len(phrase))
    return taken


class _End:
    """One end of the captions; at the back, the captions are read backwards."""

    def __init__(
        self, pool: Captions, frequent: dict[Phrase, list[int]], here: list[int], there: list[int], bounds: Bounds
    ) -> None:
        self._pool, self._bounds = pool, bounds
        self._rest = [c[: len(c) - b] or c for c, b in zip(pool, there, strict=True)]  # without the other end's phrase
        self._bare = [c[a:] or c for c, a in zip(self._rest, here, strict=True)]  # without either
        self._ends = Counter(caption[-1] for caption in self._bare)
        self._vocabularies: dict[int, float] = {}
        merging = self._merging(frequent)
        varied = {p: rows for p, rows in frequent.items() if p not in merging and self._is_varied(p, rows)}
        self._starts = [{caption[0]} for caption in pool]  # the words that a caption may begin with
        followed: Counter[str] = Counter()
        for phrase, rows in varied.items():
            followed.update({pool[row][len(phrase)] for row in rows})
            for row in rows:
                self._starts[row].add(pool[row][len(phrase)])
        counts = Counter(itertools.chain.from_iterable(self._starts))
        free = Counter(next(iter(starts)) for starts in self._starts if len(starts) == 1)
        enough = free.total() >= bounds.min_count
        self._near = _Usual(counts, free.elements() if enough else itertools.chain.from_iterable(self._starts))
        self._far = _Usual(self._ends, (caption[-1] for caption in self._bare))
        starts = {word: count if followed[word] >= FOLLOWED else free[word] for word, count in counts.items()}
        self.varied = {
            phrase: rows
            for phrase, rows in varied.items()
            if phrase[:-1] not in varied or not self._goes_on(len(varied[phrase[:-1]]), len(rows), starts[phrase[-1]])
        }

    def _goes_on(self, shorter: int, rows: int, starts: int) -> bool:
        """Tell whether a phrase's last word is the first of the captions behind the shorter phrase."""
        if 2 * shorter > len(self._pool):  # no other captions tell how captions begin
            return rows < 0.95 * shorter
        return starts >= OWN_START * rows

    def view(self, phrase: Phrase) -> _View:
        rows = self.varied[phrase]
        own = Counter(itertools.chain.from_iterable(self._starts[row] for row in rows))
        ends = Counter(self._bare[row][-1] for row in rows)
        near = [self._near.deviation(w, own[w]) for w in (self._pool[row][len(phrase)] for row in rows)]
        far = [self._far.deviation(w, ends[w]) for w in (self._bare[row][-1] for row in rows)]
        return _View(rows, near, far)

    def _merging(self, frequent: dict[Phrase, list[int]]) -> set[Phrase]:
        """Return the phrases that tell captions from others: without them, these would be equal."""
        rests = {phrase: {self._pool[row][len(phrase) :] for row in rows} for phrase, rows in frequent.items()}
        seen = Counter(set(self._pool))
        seen.update(itertools.chain.from_iterable(rests.values()))
        merging = set()
        for phrase, rest in rests.items():
            if 2 * len(rest) >= len(frequent[phrase]) and self._few_known(rest, seen):
                continue
            merging.add(phrase)
            for shorter in (phrase[:size] for size in range(len(phrase))):
                if len(frequent.get(shorter, ())) * CHAIN <= len(frequent[phrase]):
                    merging.add(shorter)
        return merging

    def _few_known(self, rest: set[Phrase], seen: Counter[Phrase]) -> bool:
        return sum(seen[r] > 1 for r in rest) <= (MERGED + NOISE / math.sqrt(len(rest))) * len(rest)

    def _is_varied(self, phrase: Phrase, rows: list[int]) -> bool:
        rest = (self._rest[row][len(phrase) :][:COMPARED] for row in rows)
        ends = Counter(self._bare[row][-1] for row in rows)
        word, count = ends.most_common(1)[0]
        usual = (self._ends[word] - count) / max(1, len(self._pool) - len(rows))
        if count / len(rows) > usual + SHARED + NOISE / math.sqrt(len(rows)):
            return False
        least = self._bounds.breadth - NOISE / math.sqrt(len(rows))
        return len(set(itertools.chain.from_iterable(rest))) >= least * self._vocabulary(len(rows))

    def _vocabulary(self, count: int) -> float:
        """Return how many different words so many captions have that are drawn evenly."""
        if count not in self._vocabularies:
            step, total = len(self._bare) / count, 0
            for draw in range(DRAWS):
                rows = (int((i + draw / DRAWS) * step) for i in range(count))
                total += len(set(itertools.chain.from_iterable(self._bare[row][:COMPARED] for row in rows)))
            self._vocabularies[count] = total / DRAWS
        return self._vocabularies[count]
