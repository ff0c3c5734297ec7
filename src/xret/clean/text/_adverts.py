"""Where a caption has an advert: runs of words of trade before, behind and within what it says."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from xret.clean.text._caption import STOP, cut_out, has_content
from xret.clean.text._trade import Token, Words, tokens

_STRONG = re.compile(r"[|/:;*~_=<>\u2013\u2014\u2022\u2192\u00b7\u00bb\n]|\s-+\s")
_SENTENCE = re.compile(r"[.!?][)\"']?\s")
_LIGHT = re.compile(r"[,(\[\"]")
_JOINT = {"strong": 1.5, "sentence": 1.0, "light": 0.5, "none": -2.5}  # what speaks for a cut between two words
_CAPITAL = 2.0  # more for a capital in the middle of a caption, with which an advert may begin ...
_OPENS = 6.0  # ... and for an article with a capital, with which the caption may: "Photo of A dog"
_AT_THE_END = 2.0  # less for an advert whose outermost word is content
_WITHIN = {"capitals": -1.5, "capital": -3.0, "none": -5.0}  # what an advert within a caption must make up for
_SOFT, _SEGMENT = -2.0, 6  # of content in so short a piece that punctuation sets off on its own: "- voucher inside"
_ALONE = 6.5  # that a single word of trade must speak for promotion
_AGAIN = 2.0  # by which another cut of the same caption may be less certain
_CUTS = 4
_LOOK_BACK = 4  # words before a run in which its sentence may begin
_CREDIT = 3.5  # of an unknown name at the end and of "by" before it, of one behind a bar; of one before a caption
_OF_NAMES = ("by", "at", "from", "on", "via")
_ARTICLES = ("a", "an", "the")


class _Run(NamedTuple):
    """A run of tokens that may be an advert: how certain, how it ranks, whether it is set off, and where."""

    certainty: float
    rank: float
    set_off: bool
    start: int
    end: int


def without_adverts(caption: str, words: Words, certainty: float) -> tuple[str, list[tuple[str, bool]]]:
    """Return a caption without its adverts, and these, with whether punctuation or a capital sets each off.

    Args:
        caption: any text.
        words: what tokens speak for.
        certainty: nats from which a run is an advert.
    """
    found: list[tuple[str, bool]] = []
    while len(found) < _CUTS and (cut := _cut(caption, words, certainty, again=bool(found))):
        caption, piece, set_off = cut
        found.append((piece, set_off))
    return caption, found


def _cut(caption: str, words: Words, certainty: float, *, again: bool) -> tuple[str, str, bool] | None:
    seen = tokens(caption)
    if len(seen) < 2:
        return None
    content = [words.is_content(token) for token in seen]
    weights = _weights(caption, seen, words)
    runs = [*_behind(caption, seen, weights, content), *_before(caption, seen, weights, content)]
    runs += _within(caption, seen, weights, content)
    sure = [run for run in runs if run.certainty >= certainty - _AGAIN * (again and run.set_off)]
    for run in sorted(sure, key=lambda run: (-run.rank, run.start - run.end)):
        shorter = cut_out(caption, run.start, run.end)
        if has_content(shorter):
            return shorter, caption[run.start : run.end].strip(), run.set_off or caption[run.start].isupper()
    return None


def _weights(caption: str, seen: list[Token], words: Words) -> list[float]:
    """Return what each token speaks for; a word that is said again speaks for nothing more."""
    weights, said, before = [], set(), ""
    for token in seen:
        weight = words.weight(token, before)
        weights.append(min(weight, 0.0) if token.text in said else weight)
        said.add(token.text)
        before = token.text
    first, last = seen[0], seen[-1]
    if last.kind == "word" and last.capital and words.is_unknown(last.text):
        if seen[-2].text in _OF_NAMES or seen[-2].kind in ("year", "rights"):
            weights[-2:] = [_CREDIT, _CREDIT]
        elif _STRONG.search(caption[seen[-2].end : last.start]):
            weights[-1] = _CREDIT
    opens = len(seen) > 2 and seen[1].capital and seen[1].text in _ARTICLES and not seen[2].capital
    if opens and first.kind == "word" and words.is_unknown(first.text):
        weights[0] = _CREDIT
    return weights


def _speaks(token: Token, weight: float) -> int:
    """Return 1 for a word of trade, of which one alone may be content, 2 for an address, a price, a code, ..."""
    return 0 if weight <= 0 else 1 if token.kind == "word" else 2


def _joint(caption: str, left: Token, right: Token, *, opens: bool) -> float:
    """Return what speaks for a cut between two tokens; ``opens``: the caption would begin behind it, not end there."""
    between = caption[left.end : right.start]
    if _STRONG.search(between):
        worth = _JOINT["strong"]
    elif _SENTENCE.search(between):
        worth = _JOINT["sentence"]
    else:
        worth = _JOINT["light" if _LIGHT.search(between) else "none"]
    if opens:
        return worth + (_OPENS if right.capital and right.text in STOP else 0.0)
    return worth + (_CAPITAL if right.capital and worth == _JOINT["none"] else 0.0)


def _behind(caption: str, seen: list[Token], weights: list[float], content: list[bool]) -> Iterator[_Run]:
    """Yield the runs at the end that leave content before them."""
    total, speaking = -_AT_THE_END * content[-1], 0
    for i in range(len(seen) - 1, 0, -1):
        total += weights[i]
        speaking += _speaks(seen[i], weights[i])
        joint = _joint(caption, seen[i - 1], seen[i], opens=False)
        if joint == _JOINT["strong"] and len(seen) - i <= _SEGMENT:
            total = max(total, sum(max(weight, _SOFT) for weight in weights[i:]))
        if any(content[:i]) and (speaking > 1 or total >= _ALONE or (speaking and joint == _JOINT["strong"])):
            start = seen[_started(caption, seen, weights, i)].start
            yield _Run(total + joint, total + 2 * joint, joint > _JOINT["none"], start, len(caption))


def _before(caption: str, seen: list[Token], weights: list[float], content: list[bool]) -> Iterator[_Run]:
    """Yield the runs at the beginning that leave content behind them; an article stays, where no other one follows."""
    total, speaking = -_AT_THE_END * content[0], 0
    for i in range(1, len(seen)):
        total += weights[i - 1]
        speaking += _speaks(seen[i - 1], weights[i - 1])
        joint = _joint(caption, seen[i - 1], seen[i], opens=True)
        if seen[0].text in _ARTICLES and not (seen[i].capital and seen[i].text in _ARTICLES):
            continue
        if any(content[i:]) and (speaking > 1 or total >= _ALONE or joint > _JOINT["light"]):
            yield _Run(total + joint, total + 2 * joint, joint > _JOINT["none"], 0, seen[i - 1].end)


def _within(caption: str, seen: list[Token], weights: list[float], content: list[bool]) -> Iterator[_Run]:
    """Yield the run of the greatest sum that has something before and behind it."""
    best, run, begin = (0.0, 0, 0), 0.0, 1
    for i in range(1, len(seen) - 1):
        if run <= 0:
            run, begin = 0.0, i
        run += weights[i] if seen[i].kind != "han" else -_ALONE
        best = max(best, (run, begin, i))
    total, first, last = best
    if total > 0 and (any(content[:first]) or any(content[last + 1 :])):
        first = _started(caption, seen, weights, first)
        piece = caption[seen[first].start : seen[last].end]
        shouted = len(piece) > 3 and piece.isupper() and not caption.isupper()
        total += _WITHIN["capitals" if shouted else "capital" if seen[first].capital else "none"]
        yield _Run(total, total + _WITHIN["capital"], False, seen[first].start, seen[last].end)


def _started(caption: str, seen: list[Token], weights: list[float], first: int) -> int:
    """Return where the sentence of a run begins: at a capital a few light words before it ("In stock", "Do not")."""
    best = first
    for i in range(first - 1, max(0, first - _LOOK_BACK - 1), -1):
        if weights[i] < -1 or _joint(caption, seen[i], seen[i + 1], opens=False) > 0:
            break
        if seen[i].capital:
            best = i
        elif seen[first].capital:
            break
    return best
