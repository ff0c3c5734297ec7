"""Stamps: phrases at an end of so many captions, in words of their own, that no test of what remains is needed."""

from collections import Counter
from collections.abc import Iterator

from xret.clean.text._caption import is_han
from xret.clean.text._ends import Captions, Phrase, frequent

SHARE = 0.08  # of the captions, for a phrase at one end; at both ends a few do
LONG = 3  # words; one Chinese character more
OWN = 0.9  # of the captions with a word have it in the phrase
WORDS = 0.6  # of the words of the phrase are such words
DIFFERENT = 0.9  # of what remains is different from the rest of it
WHOLE = 0.9  # of the captions with the phrase have the longer one too: then the longer one is meant
PARTNER = 0.9  # of the captions with either phrase have the other one at the other end
PARTNER_WORDS = 5  # at most
SHARED = 0.5  # by how much one word may be commoner at the end of what is between both than in other captions
USUAL = 0.5  # of other captions' share, so often what is between both begins and ends with words that others do


def stamps(captions: Captions, longest: int, least: float) -> set[Phrase]:
    """Return phrases that are put on captions: at one end, or around them ("Rent ... by the day").

    Args:
        captions: words of each, all different.
        longest: words of the longest phrase.
        least: captions that have it, at both ends.
    """
    backward = [caption[::-1] for caption in captions]
    total = Counter(word for caption in captions for word in set(caption))
    found: set[Phrase] = set()
    for pool, back in ((captions, False), (backward, True)):
        ends = Counter(caption[-size:] for caption in pool for size in range(1, PARTNER_WORDS + 1))
        for phrase, rows in _whole(dict(frequent(pool, least, longest))).items():
            if len({pool[row][len(phrase) :] for row in rows}) < DIFFERENT * len(rows):
                continue
            partner = _partner([pool[row][len(phrase) :] for row in rows], ends)
            many = len(rows) >= SHARE * len(captions) and _is_long(phrase) and _is_own(phrase, len(rows), total)
            around = len(phrase) > 1 and partner and _is_long(phrase + partner)
            if many or (around and _is_usual(pool, rows, len(phrase), len(partner))):
                found.add(phrase[::-1] if back else phrase)
                if partner:
                    found.add(partner[::-1] if back else partner)
    return found


def _partner(rests: list[Phrase], ends: Counter[Phrase]) -> Phrase:
    """Return the longest phrase that nearly all of these end with, and hardly other captions; () if there is none."""
    for size in range(PARTNER_WORDS, 0, -1):
        phrase, count = Counter(rest[-size:] for rest in rests).most_common(1)[0]
        if len(phrase) == size and count >= PARTNER * max(len(rests), ends[phrase]):
            return phrase
    return ()


def _is_usual(pool: Captions, rows: list[int], before: int, behind: int) -> bool:
    """Tell whether what is between two phrases begins and ends as other captions do."""
    framed = set(rows)
    others = [caption for row, caption in enumerate(pool) if row not in framed]
    if len(others) < len(rows):  # they do not tell what is usual
        return True
    between = [pool[row][before : len(pool[row]) - behind] for row in rows]
    expected = found = 0.0
    for end in (0, -1):
        usual = Counter(caption[end] for caption in others)
        own = Counter(rest[end] for rest in between if rest)
        expected += sum(count for count in usual.values() if count > 1) / len(others)
        found += sum(count for word, count in own.items() if word in usual) / len(rows)
        word, count = own.most_common(1)[0]
        if count / len(rows) > usual[word] / len(others) + SHARED:
            return False
    return found >= USUAL * expected


def without(captions: Captions, phrases: set[Phrase]) -> Iterator[Phrase]:
    """Yield each caption without these phrases at its ends; one that would be empty stays."""
    longest = max(map(len, phrases), default=0)
    for caption in captions:
        left, right = 0, len(caption)
        for size in range(min(longest, len(caption) - 1), 0, -1):
            left = size if not left and caption[:size] in phrases else left
            right = len(caption) - size if right == len(caption) and caption[-size:] in phrases else right
        yield caption[left:right] or caption


def _whole(found: dict[Phrase, list[int]]) -> dict[Phrase, list[int]]:
    """Leave out what is only the beginning of a longer phrase."""
    begun = {p[:-1] for p, rows in found.items() if p[:-1] in found and len(rows) >= WHOLE * len(found[p[:-1]])}
    return {phrase: rows for phrase, rows in found.items() if phrase not in begun}


def _is_long(phrase: Phrase) -> bool:
    return len(phrase) >= LONG + (1 if any(is_han(word[0]) for word in phrase) else 0)


def _is_own(phrase: Phrase, rows: int, total: Counter[str]) -> bool:
    words = set(phrase)
    return sum(rows >= OWN * total[word] for word in words) >= WORDS * len(words)
