"""Lettering that several pictures bear in one colour and opacity, whatever its place and size."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xret.clean.image._faint import Faint

_LETTERS = 3  # shapes that two pictures must have in common, and the share of those of the one with fewer
_SHARE = 0.4
_LETTER = (0.85, 0.3)  # correlation, and difference in the logarithm of width to height, of the same letter
_WORD = (0.7, 0.12)  # likewise of the same word or line
_FEWEST = 6  # pictures that bear it plainly, and the share of all
_VISIBLE = 0.03
_MARKS = 4  # of one source at most
_VARIED = 40  # levels by which grounds must vary for the opacity to be told from them
_OPACITY = (0.08, 0.8)
_ELSEWHERE = 0.04  # share of the picture's sides by which places and sizes must vary


@dataclass(frozen=True)
class Seen:
    """Faint pieces of one colour in a picture: number of the picture, place as shares of its sides, and themselves."""

    picture: int
    place: tuple[float, float, float, float]
    pieces: Faint


@dataclass(frozen=True)
class Ink:
    """What a mark is written with.

    Attributes:
        opacity: a, in (0, 1).
        part: (3,) levels, opacity times colour: over a ground g there is (1 - a) g + part.
    """

    opacity: float
    part: tuple[float, float, float]

    def offset(self, ground: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return (3,) levels by which it changes a ground."""
        return np.asarray(np.array(self.part, np.float32) - np.float32(self.opacity) * ground)


def learn(seen: list[Seen], pictures: int) -> list[Ink]:
    """Return the inks of the marks that pictures of one source bear.

    Pieces of two pictures are the same mark where they have letters or words in common. Over their grounds the change
    is ``part - opacity * ground``, which gives both, as in Dekel et al. 2017 (sec. 3.2).

    Args:
        seen: pieces of pictures.
        pictures: how many were looked at.
    """
    inks: list[Ink] = []
    seen = [one for one in seen if len(one.pieces.letters) >= _LETTERS or len(one.pieces.words)]
    while len(seen) >= _FEWEST and len(inks) < _MARKS:
        linked = _linked(seen)
        numbers = np.array([one.picture for one in seen])
        support = np.array([len(set(numbers[row])) for row in linked])
        best = linked[int(np.argmax(support))]
        if support.max() < max(_FEWEST, _VISIBLE * pictures):
            break
        members = [one for one, mine in zip(seen, best, strict=True) if mine]
        ink = _ink(members)
        if ink is not None and _wanders(members):
            inks.append(ink)
        seen = [one for one, mine in zip(seen, best, strict=True) if not mine]
    return inks


def _linked(seen: list[Seen]) -> NDArray[np.bool_]:
    """Return (N, N) bool: which are the same mark."""
    count = np.array([len(one.pieces.letters) for one in seen])
    needed = np.maximum(_LETTERS, _SHARE * np.minimum.outer(count, count))
    letters = _common(seen, lambda one: one.pieces.letters, *_LETTER) >= needed
    linked: NDArray[np.bool_] = letters | (_common(seen, lambda one: one.pieces.words, *_WORD) > 0)
    np.fill_diagonal(linked, True)
    return linked


def _common(
    seen: list[Seen], looks_of: Callable[[Seen], NDArray[np.float32]], alike: float, aspect: float
) -> NDArray[np.int64]:
    """Return (N, N) how many looks of one another has, the fewer of both ways."""
    rows = [looks_of(one) for one in seen]
    common = np.zeros((len(seen), len(seen)), np.int64)
    looks = np.concatenate(rows)
    if not len(looks):
        return common
    owner = np.repeat(np.arange(len(seen)), [len(row) for row in rows])
    same = looks[:, :-1] @ looks[:, :-1].T >= alike
    same &= np.abs(looks[:, -1:] - looks[:, -1]) <= aspect
    has = np.zeros((len(seen), len(looks)), bool)
    np.logical_or.at(has, owner, same)
    np.add.at(common, owner, has.T.astype(np.int64))
    return np.minimum(common, common.T)


def _ink(members: list[Seen]) -> Ink | None:
    """Return the ink by what it makes of grounds; of black or white where all are alike; None: opaque, or no ink."""
    ground = np.array([one.pieces.ground for one in members])
    offset = np.array([one.pieces.offset for one in members])
    if np.ptp(ground, axis=0).max() > _VARIED:
        away, change = ground - ground.mean(axis=0), offset - offset.mean(axis=0)
        far = np.abs(away).max(axis=1) > _VARIED / 8
        opacity = -float(np.median((away * change).sum(axis=1)[far] / (away**2).sum(axis=1)[far]))
    else:
        room = ground if np.median(offset) < 0 else 255 - ground
        opacity = float(np.median(np.abs(offset) / np.maximum(room, 1)))
    if not _OPACITY[0] <= opacity <= _OPACITY[1]:
        return None
    part = np.median(offset + opacity * ground, axis=0)
    return Ink(opacity, (float(part[0]), float(part[1]), float(part[2])))


def _wanders(members: list[Seen]) -> bool:
    """Return whether places or sizes vary: what is always the same is a drawing, or a matter of the step watermark."""
    places = np.array([one.place for one in members])
    return bool(places.std(axis=0).max() > _ELSEWHERE)


def state_of(inks: list[Ink]) -> list[dict[str, Any]]:
    """Return inks of JSON."""
    return [{"opacity": ink.opacity, "part": list(ink.part)} for ink in inks]
