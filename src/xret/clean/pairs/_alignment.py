"""Laying one picture over another of which it may be a cut-out, and what differs then.

Parameters are (P, 4): scale and shift by height, scale and shift by width; shifts are shares of the side. Scale 1.1 and
no shift: the second picture is seen through the middle 1 / 1.1 of the first.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LOW = np.array([0.86, -0.075, 0.86, -0.075], np.float32)
_HIGH = np.array([1.16, 0.075, 1.16, 0.075], np.float32)
_CUTS = np.linspace(-0.06, 0.06, 9)  # share of a side that is cut off one end; below 0: that the other picture lost
_IDENTITY = np.array([1, 0, 1, 0], np.float32)
_STARTS = (0.94, 1.0, 1.06)
_OF_MEANS = np.array([4, 2.5, 2.5], np.float32)  # what a difference of the means counts, in luma and chroma


def pool(a: Floats, size: int) -> Floats:
    """Return the means of blocks: (P, H, W, C) -> (P, H / size, W / size, C)."""
    p, h, w, c = a.shape
    return np.asarray(a.reshape(p, h // size, size, w // size, size, c).mean((2, 4)), np.float32)


def soft(a: Floats, size: int = 1) -> Floats:
    """Return (P, H, W, C) in blocks of a size, blurred by 1 2 1 both ways: what is smooth can be followed farther."""
    p, n, _, c = a.shape
    small = n // size
    ends = np.arange(small)[:, None] + np.array([-1, 0, 0, 1])
    blur = np.zeros((small, small), np.float32)
    np.add.at(blur, (np.arange(small)[:, None], ends.clip(0, small - 1)), 0.25)
    lines = np.repeat(blur, size, 1) / size  # (n / size, n)
    rows = np.matmul(lines, a.reshape(p, n, n * c)).reshape(p, small, n, c)
    return np.asarray(np.matmul(lines, rows), np.float32)


def sampling(side: int, scale: Floats, shift: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    """Return (P, side, side) matrices that sample a line between its points, and which points lie within (P, side)."""
    middle = (side - 1) / 2
    at = middle + scale[:, None] * (np.arange(side, dtype=np.float32) - middle) + shift[:, None] * side
    within = (at >= -0.5) & (at <= side - 0.5)
    at = at.clip(0, side - 1)
    low = np.minimum(at.astype(np.int64), side - 2)
    share = (at - low).astype(np.float32)
    weights = np.zeros((len(scale), side, side), np.float32)
    pair, point = np.arange(len(scale))[:, None], np.arange(side)[None]
    weights[pair, point, low] = 1 - share
    weights[pair, point, low + 1] += share
    return weights, within


def warped(b: Floats, at: Floats) -> tuple[Floats, Floats]:
    """Return the second pictures (P, n, n, C) as they lie over the first, and 1 where they do (P, n, n, 1)."""
    p, n, _, c = b.shape
    rows, rows_within = sampling(n, at[:, 0], at[:, 1])
    columns, columns_within = sampling(n, at[:, 2], at[:, 3])
    seen = np.matmul(rows, b.reshape(p, n, n * c)).reshape(p, n, n, c)
    seen = np.matmul(columns[:, None], seen)
    return seen, (rows_within[:, :, None] & columns_within[:, None, :])[..., None].astype(np.float32)


def by_profile(a: Floats, b: Floats) -> Floats:
    """Return where the means of rows and of columns agree best (P, 4), over a grid of cuts at both ends."""
    first, last = (cut.ravel() for cut in np.meshgrid(_CUTS, _CUTS))
    scale = (1 / (1 - first - last)).astype(np.float32)
    shift = ((0.5 - first) * scale - 0.5).astype(np.float32)
    weights, _ = sampling(a.shape[1], scale, shift)
    found = []
    for axis in (2, 1):
        one, other = a[..., 0].mean(axis), b[..., 0].mean(axis)  # (P, n)
        seen = np.tensordot(other, weights, (1, 2))  # (P, cuts, n)
        seen -= seen.mean(2, keepdims=True)
        one = one - one.mean(1, keepdims=True)
        agreement = np.matmul(seen, one[..., None])[..., 0] / np.sqrt((seen * seen).sum(2) + 1)
        best = agreement.argmax(1)
        found += [scale[best], shift[best]]
    return np.stack(found, 1)


def refined(a: Floats, b: Floats, at: Floats, steps: int) -> tuple[Floats, Floats]:
    """Return better parameters (P, 4) by Levenberg and Marquardt's method, and the root mean square left (P,)."""
    count, n = a.shape[:2]
    u = ((np.arange(n) - (n - 1) / 2) / n).astype(np.float32)
    damping, least = np.full(count, 0.01, np.float32), np.full(count, np.inf, np.float32)
    kept, diagonal = at.copy(), np.arange(4)
    hessian, slope = np.zeros((count, 4, 4), np.float32), np.zeros((count, 4, 1), np.float32)
    for step in range(steps + 1):
        seen, within = warped(b, at)
        rest = (a - seen) * within
        error = (rest * rest).sum((1, 2, 3)) / within.sum((1, 2, 3)).clip(1)
        better = error < least
        least, kept[better] = np.minimum(error, least), at[better]
        damping = np.where(better, damping * 0.3, damping * 10)
        if step == steps or not len(a):
            break
        down, right = np.gradient(seen[better], axis=1), np.gradient(seen[better], axis=2)
        parts = [down * u[:, None, None], down, right * u[:, None], right]
        turn = (np.stack(parts, -1) * within[better][..., None] * n).reshape(-1, a[0].size, 4)
        hessian[better] = np.matmul(turn.transpose(0, 2, 1), turn)
        slope[better] = np.matmul(turn.transpose(0, 2, 1), rest[better].reshape(-1, a[0].size, 1))
        damped = hessian.copy()
        damped[:, diagonal, diagonal] *= 1 + damping[:, None]
        damped[:, diagonal, diagonal] += 1e-3 * n * n
        at = np.clip(kept + np.linalg.solve(damped, slope)[..., 0], _LOW, _HIGH).astype(np.float32)
    return kept, np.sqrt(least)


def as_it_is(count: int) -> Floats:
    """Return parameters (count, 4) that leave pictures where they are."""
    return np.tile(_IDENTITY, (count, 1))


def by_search(a: Floats, b: Floats) -> Floats:
    """Return parameters (P, 4) found at a quarter of the size from several scales."""
    a, b = soft(a, 2), soft(b, 2)
    tries = [refined(a, b, np.tile(_IDENTITY * [s, 1, s, 1], (len(a), 1)).astype(np.float32), 5) for s in _STARTS]
    best = np.argmin([error for _, error in tries], 0)
    return np.asarray(np.stack([at for at, _ in tries])[best, np.arange(len(a))], np.float32)


def difference(a: Floats, b: Floats, at: Floats, size: int) -> Floats:
    """Return how much pictures differ that lie over each other, in levels of 255 (P,).

    That is the third largest difference of the means of blocks, in luma or 0.7 times that of chroma. Other encodings
    of a picture differ a little in many places; where one place stands out it is another picture (a mouth, the hands of
    a clock). So the difference counts times its ratio to 4 (1 + that of the block at nine tenths), 0.6 at least. Nor
    do they differ on the whole: four times the difference of the means of both is the least that is returned, 2.5 times
    in chroma, which JPEG moves where a small picture is as colourful as a traffic sign.
    """
    seen, within = warped(b, at)
    covered = pool(within, size)
    blocks = pool((a - seen) * within, size) / covered.clip(0.5)
    blocks = np.where(covered >= 0.5, blocks, 0)
    shift = (np.abs(blocks.mean((1, 2))) * _OF_MEANS).max(-1)
    blocks = np.abs(blocks)
    one = np.maximum(blocks[..., 0], 0.7 * blocks[..., 1:].max(-1)).reshape(len(a), (a.shape[1] // size) ** 2)
    tenth = one.shape[1] // 10
    ordered = np.partition(one, (-tenth, -3), 1)
    most, usual = ordered[:, -3], ordered[:, -tenth]
    return np.asarray(np.maximum(most * np.maximum(0.6, most / (4 + 4 * usual)), shift), np.float32)
