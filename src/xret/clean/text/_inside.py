"""Runs of words that were put into captions, wherever there was a gap."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence

from xret.clean.text._caption import cut_out
from xret.clean.text._trade import Token, Words, tokens

Run = tuple[str, ...]
Place = tuple[int, int]  # row and word

_MOST = 20_000  # captions that are looked at

_SHARE = 0.015  # of the captions
_FEWEST = 10  # captions
_LONGEST = 8  # words
_VARIED = 0.5  # of the words behind a run are different from each other
_WHOLE = 0.9  # of the captions with a run have the longer one too: then the longer one is meant
_LEADING = frozenset(["a", "an", "the", "of", "with", "for", "in", "on", "at", "to", "from", "by", "and", "or", "as"])
_CERTAIN = 2.0  # nats that its words speak for promotion


def inside(captions: Sequence[str], words: Words) -> set[Run]:
    """Return the promotion that stands within many captions, between words that are others each time.

    Args:
        captions: all different; of very many, some are looked at.
        words: what tokens speak for.
    """
    captions = captions[:: len(captions) // _MOST + 1]
    said = [tuple(token.text for token in tokens(caption)) for caption in captions]
    least = max(_FEWEST, _SHARE * len(said))
    usual = Counter(word for caption in said for word in set(caption[1:-1]))
    level: dict[Run, list[Place]] = defaultdict(list)
    for row, caption in enumerate(said):
        for at in range(1, len(caption) - 1):
            if usual[caption[at]] >= least:
                level[caption[at : at + 1]].append((row, at))
    found: dict[Run, list[Place]] = {}
    for size in range(1, _LONGEST + 1):
        level = {run: places for run, places in level.items() if len({row for row, _ in places}) >= least}
        found |= level
        longer: dict[Run, list[Place]] = defaultdict(list)
        for places in level.values():
            for row, at in places:
                if at + size < len(said[row]) - 1:
                    longer[said[row][at : at + size + 1]].append((row, at))
        level = longer
    parts = {
        part
        for run, places in found.items()
        for part in (run[1:], run[:-1])
        if len(places) >= _WHOLE * len(found.get(part, ()))
    }
    runs = set()
    for run, places in found.items():
        if (
            len(run) > 1
            and run[-1] not in _LEADING
            and run not in parts
            and _is_put_in(said[row][at + len(run)] for row, at in places)
        ):
            row, at = places[0]
            if _speaks(tokens(captions[row])[at : at + len(run)], words) >= _CERTAIN:
                runs.add(run)
    return runs


def _is_put_in(behind: Iterable[str]) -> bool:
    """Tell whether the words behind a run are as different as if it stood anywhere."""
    words = list(behind)
    return len(set(words)) >= _VARIED * len(words)


def _speaks(run: Sequence[Token], words: Words) -> float:
    before, total = "", 0.0
    for token in run:
        total += words.weight(token, before)
        before = token.text
    return total


def without_inside(caption: str, runs: Collection[Run]) -> tuple[str, list[str]]:
    """Return a caption without the first, longest of these runs that stands within it, and this, if there is one."""
    seen = tokens(caption) if runs else []
    for size in range(min(_LONGEST, len(seen) - 2), 1, -1):
        for at in range(1, len(seen) - size):
            if tuple(token.text for token in seen[at : at + size]) in runs:
                start, end = seen[at].start, seen[at + size - 1].end
                return cut_out(caption, start, end), [caption[start:end]]
    return caption, []
