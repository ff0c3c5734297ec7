"""Stamps: phrases at an end of so many captions, in words of their own, that no test of what remains is needed."""

from collections import Counter
from collections.abc import Iterator

from xret.clean.text._caption import is_han
from xret.clean.text._ends import Captions, Phrase, frequent

SHARE = 0.08  # of the captions
LONG = 3  # words; one Chinese character more
OWN = 0.9  # of the captions with a word have it in the phrase
WORDS = 0.6  # of the words of the phrase are such words
DIFFERENT = 0.9  # of what remains is different from the rest of it
WHOLE = 0.9  # of the captions with the phrase have the longer one too: then the longer one is meant
PARTNER = 0.9  # of the captions with the phrase have one word at the other end, which hardly others have there


def stamps(captions: Captions, longest: int, least: int) -> set[Phrase]:
    """Return phrases that are put on captions: at one end, or around them ("Buy ... online at shop.com").

    Args:
        captions: words of each, all different.
        longest: words of the longest phrase.
        least: captions that have it, whatever the share.
    """
    backward = [caption[::-1] for caption in captions]
    total = Counter(word for caption in captions for word in set(caption))
    needed = max(least, SHARE * len(captions))
    found: set[Phrase] = set()
    for pool, back in ((captions, False), (backward, True)):
        others = Counter(caption[-1] for caption in pool)
        for phrase, rows in _whole(dict(frequent(pool, needed, longest))).items():
            rest = {pool[row][len(phrase) :] for row in rows}
            if not _is_long(phrase) or len(rest) < DIFFERENT * len(rows) or not _is_own(phrase, len(rows), total):
                continue
            found.add(phrase[::-1] if back else phrase)
            word, count = Counter(pool[row][-1] for row in rows).most_common(1)[0]
            if count >= PARTNER * max(len(rows), others[word]):
                found.add((word,))
    return found


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
