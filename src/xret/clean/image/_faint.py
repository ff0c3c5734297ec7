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
_OFF_LINE = 10.0  # levels by which a piece may leave the line from the ground's colour to its own
_ALIKE = 9.0  # levels by which pieces of one colour may differ
_PIECES = 4  # of one colour, at least
_LARGEST = 0.25  # share of the picture's area in the box of a piece


@dataclass(frozen=True)
class Faint:
    """Pieces of one colour on one ground.

    Attributes:
        ground: (3,) levels.
        offset: (3,) levels that the pieces' full colour is away from the ground's.
        cover: (H, W) float32 in [0, 1], how much of that colour is where; 0 beside the pieces.
        flat: (H, W) bool, the ground itself.
        pieces: how many there are.
    """

    ground: NDArray[np.float32]
    offset: NDArray[np.float32]
    cover: NDArray[np.float32]
    flat: NDArray[np.bool_]
    pieces: int


def faint(pixels: Pixels) -> list[Faint]:
    """Return the faint pieces of a picture by ground and colour, those of most pieces first."""
    found = [one for ground, flat in _grounds(pixels) for one in _on(pixels, ground, flat)]
    return sorted(found, key=lambda one: -one.pieces)


def _grounds(pixels: Pixels) -> list[tuple[NDArray[np.float32], NDArray[np.bool_]]]:
    """Return the colours that cover much of a picture, and where."""
    bins = pixels.astype(np.int32) // _BIN
    codes = (bins[..., 0] << 10) | (bins[..., 1] << 5) | bins[..., 2]
    counts = np.bincount(codes.ravel(), minlength=1 << 15)
    grounds: list[tuple[NDArray[np.float32], NDArray[np.bool_]]] = []
    for code in np.argsort(-counts, kind="stable")[: 2 * _GROUNDS]:
        if counts[code] < 0.5 * _GROUND * codes.size or len(grounds) == _GROUNDS:
            break
        colour = np.median(pixels[codes == code], axis=0).astype(np.float32)
        if any(np.abs(colour - other).max() <= 2 * _NOISE for other, _ in grounds):
            continue
        flat = np.abs(pixels - colour).max(axis=2) <= _NOISE
        if flat.mean() >= _GROUND:
            grounds.append((colour, flat))
    return grounds


def _on(pixels: Pixels, ground: NDArray[np.float32], flat: NDArray[np.bool_]) -> list[Faint]:
    """Return the faint pieces on one ground, by their colour."""
    away = pixels.astype(np.float32) - ground
    number, labels, stats, _ = opencv().connectedComponentsWithStats((~flat).astype(np.uint8), connectivity=8)
    box = stats[:, 2] * stats[:, 3]
    small = (box <= _LARGEST * flat.size) & (stats[:, 4] >= 3)
    small[0] = False
    if small.sum() < _PIECES:
        return []
    where = np.flatnonzero(small[labels])
    which, off = labels.ravel()[where], away.reshape(-1, 3)[where]
    length = np.linalg.norm(off, axis=1)
    order = np.lexsort((length, which))
    which, off, length, where = which[order], off[order], length[order], where[order]
    ends = np.flatnonzero(np.diff(np.append(which, number)))  # the farthest pixel of each piece
    peak = np.zeros((number, 3), np.float32)
    peak[which[ends]] = off[ends]
    size = np.maximum(np.linalg.norm(peak, axis=1), 1e-6)
    along = (off * peak[which]).sum(1) / size[which]
    beside = np.sqrt(np.maximum(length**2 - along**2, 0))
    worst = np.zeros(number)
    np.maximum.at(worst, which, beside)
    rows = [i for i in np.unique(which) if worst[i] <= _OFF_LINE and _opacity(peak[i], ground) <= _DARKEST]
    found = []
    for members in _by_colour(rows, peak, size):
        if len(members) < _PIECES:
            continue
        full = np.median(peak[[i for i in members if size[i] >= 0.9 * size[members].max()]], axis=0)
        cover = np.zeros(flat.size, np.float32)
        mine = np.isin(which, members)
        cover[where[mine]] = np.clip(off[mine] @ full / float(full @ full), 0, 1)
        found.append(Faint(ground, full, cover.reshape(flat.shape), flat, len(members)))
    return found


def _opacity(offset: NDArray[np.float32], ground: NDArray[np.float32]) -> float:
    """Return the least opacity that can take a ground so far."""
    room = np.where(offset < 0, ground, 255 - ground)
    return float((np.abs(offset) / np.maximum(room, 1)).max())


def _by_colour(rows: list[int], peak: NDArray[np.float32], size: NDArray[np.float64]) -> list[list[int]]:
    """Return pieces that have one colour, or less of it: thin strokes do not cover a whole pixel."""
    left, groups = sorted(rows, key=lambda i: -size[i]), []
    while left:
        full = peak[left[0]]
        unit = full / size[left[0]]
        near = [i for i in left if np.linalg.norm(peak[i] - unit * size[i]) <= _ALIKE or i == left[0]]
        alike = [i for i in near if np.linalg.norm(peak[i] - full) <= 2 * _ALIKE]
        if len(alike) >= 2:  # a colour that several pieces reach in full, and the thin ones of it
            groups.append(near)
            left = [i for i in left if i not in set(near)]
        else:
            left = left[1:]
    return groups
