"""Faint pieces on a flat ground: where half transparent writing shows plainly."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from xret.clean.image._opencv import opencv

Pixels = NDArray[np.uint8]  # (H, W, 3)

_BIN = 8  # levels; colours are counted in bins so wide
_GROUND = 0.08  # share of the picture that has the colour of a ground
_GROUNDS = 3
_NOISE = 4  # levels by which a ground may vary
_DARKEST = 0.75  # opacity from which what lies on a ground is no longer faint
_OFF_LINE = 12.0  # levels by which a piece may leave the line from the ground's colour to its own
_ALIKE = 9.0  # levels by which pieces of one colour may differ
_THIN = 0.2  # of the full colour, that thin strokes reach
_LEAST_AREA_PX = 24  # of all pieces of one colour
_MOST_PIECES, _GROUPS = 500, 6  # that are looked at, on one side of a ground
_LARGEST = 0.2  # share of the picture's area in the box of a piece
_LETTER_PX, _WORD_PX = (12, 12), (48, 14)  # in which looks are compared
_MOST = 24  # of one group of pieces
_LEAST_PX = 5  # height of a piece whose shape is looked at
_PLAIN = 0.15  # deviation of the cover in a box below which it is a plain bar or dot


@dataclass(frozen=True)
class Faint:
    """Pieces of one colour on one ground.

    Attributes:
        ground: (3,) levels.
        offset: (3,) levels that the pieces' full colour is away from the ground's.
        covered: (H, W) bool, where the pieces are.
        pieces: how many there are.
        letters: (N, 144 + 1) what the larger ones look like, and the logarithm of width to height.
        words: (M, 672 + 1) the same of pieces that stand close together.
    """

    ground: NDArray[np.float32]
    offset: NDArray[np.float32]
    covered: NDArray[np.bool_]
    pieces: int
    letters: NDArray[np.float32]
    words: NDArray[np.float32]


def faint(pixels: Pixels) -> list[Faint]:
    """Return the faint pieces of a picture by ground and colour, those of most pieces first."""
    found = []
    for ground in _grounds(pixels):
        away = pixels.astype(np.float32) - ground
        other = np.abs(away).max(axis=2) > _NOISE
        darker = away.mean(axis=2) < 0
        for side in (darker, ~darker):
            found += _on(away, ground, other & side)
    return sorted(found, key=lambda one: -one.pieces)


def _grounds(pixels: Pixels) -> list[NDArray[np.float32]]:
    """Return the colours that cover much of a picture."""
    bins = pixels.astype(np.int32) // _BIN
    codes = (bins[..., 0] << 10) | (bins[..., 1] << 5) | bins[..., 2]
    counts = np.bincount(codes.ravel(), minlength=1 << 15)
    grounds: list[NDArray[np.float32]] = []
    for code in np.argsort(-counts, kind="stable")[: 2 * _GROUNDS]:
        if counts[code] < 0.5 * _GROUND * codes.size or len(grounds) == _GROUNDS:
            break
        colour = np.median(pixels[codes == code], axis=0).astype(np.float32)
        if any(np.abs(colour - other).max() <= 2 * _NOISE for other in grounds):
            continue
        if np.mean(np.abs(pixels - colour).max(axis=2) <= _NOISE) >= _GROUND:
            grounds.append(colour)
    return grounds


def _on(away: NDArray[np.float32], ground: NDArray[np.float32], other: NDArray[np.bool_]) -> list[Faint]:
    """Return the faint pieces among what is on one side of a ground's colour, by their colour."""
    number, labels, stats, _ = opencv().connectedComponentsWithStats(other.astype(np.uint8), connectivity=8)
    small = (stats[:, 2] * stats[:, 3] <= _LARGEST * other.size) & (stats[:, 4] >= 3)
    small[0] = False
    if not small.any():
        return []
    where = np.flatnonzero(small[labels])
    which, off = labels.ravel()[where], away.reshape(-1, 3)[where]
    peak, worst = _colours(which, off, number)
    size = np.linalg.norm(peak, axis=1)
    rows = [int(i) for i in np.flatnonzero(small) if worst[i] <= _OFF_LINE and _opacity(peak[i], ground) <= _DARKEST]
    rows = sorted(rows, key=lambda i: -stats[i, 4])[:_MOST_PIECES]
    groups = sorted(_by_colour(rows, peak, size), key=lambda members: -stats[members, 4].sum())
    found = []
    for members in groups[:_GROUPS]:
        if stats[members, 4].sum() < _LEAST_AREA_PX:
            break
        full = np.median(peak[[i for i in members if size[i] >= 0.9 * size[members].max()]], axis=0)
        covered = np.isin(labels, members)
        cover = np.clip(away @ full / float(full @ full), 0, 1) * covered
        looks = _letters(cover, labels, stats, members), _words(cover, covered, stats, members)
        found.append(Faint(ground, full, covered, len(members), *looks))
    return found


def _colours(
    which: NDArray[np.int32], off: NDArray[np.float32], number: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (N, 3) the farthest colour of each piece, and (N,) how far the others leave the line to it."""
    length = np.linalg.norm(off, axis=1)
    order = np.lexsort((length, which))
    which, off, length = which[order], off[order], length[order]
    ends = np.flatnonzero(np.diff(np.append(which, number)))
    peak = np.zeros((number, 3), np.float32)
    peak[which[ends]] = off[ends]
    size = np.maximum(np.linalg.norm(peak, axis=1), 1e-6)
    along = (off * peak[which]).sum(1) / size[which]
    worst = np.zeros(number, np.float32)
    np.maximum.at(worst, which, np.sqrt(np.maximum(length**2 - along**2, 0)))
    return peak, worst


def _opacity(offset: NDArray[np.float32], ground: NDArray[np.float32]) -> float:
    """Return the least opacity that can take a ground so far."""
    room = np.where(offset < 0, ground, 255 - ground)
    return float((np.abs(offset) / np.maximum(room, 1)).max())


def _by_colour(rows: list[int], peak: NDArray[np.float32], size: NDArray[np.float32]) -> list[list[int]]:
    """Return pieces that have one colour, or less of it: thin strokes do not cover a whole pixel."""
    left, groups = sorted(rows, key=lambda i: -size[i]), []
    while left:
        rest = peak[left]
        alike = np.linalg.norm(rest - rest[0], axis=1) <= _ALIKE
        along = np.linalg.norm(rest - np.outer(size[left] / size[left[0]], rest[0]), axis=1) <= _ALIKE
        taken = alike | (along & (size[left] >= _THIN * size[left[0]])) if alike.sum() > 1 else alike
        groups.append([i for i, mine in zip(left, taken, strict=True) if mine])
        left = [i for i, mine in zip(left, taken, strict=True) if not mine]
    return groups


def _letters(
    cover: NDArray[np.float32], labels: NDArray[np.int32], stats: NDArray[np.int32], members: list[int]
) -> NDArray[np.float32]:
    """Return what the largest pieces look like."""
    rows = []
    for i in sorted(members, key=lambda i: -stats[i, 4])[:_MOST]:
        left, top, width, height = (int(n) for n in stats[i, :4])
        if height >= _LEAST_PX and width >= _LEAST_PX // 2:
            inner = (slice(top, top + height), slice(left, left + width))
            rows.append(_looks(cover[inner] * (labels[inner] == i), _LETTER_PX))
    return _rows(rows, _LETTER_PX)


def _words(
    cover: NDArray[np.float32], covered: NDArray[np.bool_], stats: NDArray[np.int32], members: list[int]
) -> NDArray[np.float32]:
    """Return what pieces that stand close together look like: words, lines."""
    gap = 2 * (int(np.median(stats[members, 3])) // 2) + 1
    near = opencv().dilate(covered.astype(np.uint8), np.ones((gap, gap), np.uint8))
    number, labels = opencv().connectedComponents(near)
    rows = []
    for i in range(1, min(number, _MOST)):
        mine = cover * (labels == i)
        y, x = np.flatnonzero(mine.any(axis=1)), np.flatnonzero(mine.any(axis=0))
        if len(x) and x[-1] - x[0] >= 4 * _LEAST_PX and y[-1] - y[0] >= _LEAST_PX:
            rows.append(_looks(mine[y[0] : y[-1] + 1, x[0] : x[-1] + 1], _WORD_PX))
    return _rows(rows, _WORD_PX)


def _looks(cover: NDArray[np.float32], size: tuple[int, int]) -> NDArray[np.float32] | None:
    """Return a cover in a size, of mean 0 and norm 1, and the logarithm of its width to its height."""
    small = opencv().resize(cover.astype(np.float32), size, interpolation=opencv().INTER_AREA)
    if small.std() < _PLAIN:
        return None
    flat = (small - small.mean()).ravel()
    return np.append(flat / np.linalg.norm(flat), np.log(cover.shape[1] / cover.shape[0]))


def _rows(rows: list[NDArray[np.float32] | None], size: tuple[int, int]) -> NDArray[np.float32]:
    return np.array([row for row in rows if row is not None], np.float32).reshape(-1, size[0] * size[1] + 1)
