"""What of a picture differs from its border."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xret.clean.image._opencv import opencv

Pixels = NDArray[Any]  # (H, W, 3) uint8

SIDES = ("left", "top", "right", "bottom")
# Reach in px of what JPEG makes beside a step, and its height as a share of the step: of light, of colour.
_WAVES = ((8, 0.25), (16, 0.12))
_LINE_TOLERANCE = 10  # levels; a line is of one colour when nearly all of it lies so close to its median
_WEAK = 3.0  # levels by which an area must differ all over
_WINDOW = 7  # px; over which that is averaged
_LEAST_WEAK_PX = 12  # of an area that differs by so little lie farther from anything strong than waves reach


@dataclass(frozen=True)
class Border:
    """The colour of a border and the sides that have it.

    Attributes:
        colour: red, green and blue, in levels of 255.
        sides: of SIDES.
        noise: standard deviation of the border's own pixels, in levels.
        surface: (H, W, 3) float32, where the colour changes over the picture; None where it does not.
    """

    colour: tuple[float, ...]
    sides: frozenset[str]
    noise: float
    surface: NDArray[np.float32] | None = None


def lines(pixels: Pixels, offset: int) -> dict[str, Pixels]:
    """Return side -> (N, 3) the line at a distance of the side."""
    return {
        "left": pixels[:, offset],
        "top": pixels[offset],
        "right": pixels[:, -1 - offset],
        "bottom": pixels[-1 - offset],
    }


def flat_borders(pixels: Pixels) -> list[Border]:
    """Return the borders of one colour on two sides or more, that of most sides first.

    The outermost line counts, or the third: one line may be mixed of the two colours that meet beside it.
    """
    found: dict[str, tuple[tuple[float, ...], float]] = {}
    for offset in (0, 2):
        if min(pixels.shape[:2]) <= 2 * offset + 1:
            continue
        for side, levels in lines(pixels, offset).items():
            line = levels.astype(np.int16)
            colour = np.quantile(line, 0.5, axis=0, method="lower")  # one of the two where half has another
            away = np.abs(line - colour).max(axis=1)
            noise = float(np.std(line - colour, axis=0).max())
            if side not in found and np.quantile(away, 0.995) <= _LINE_TOLERANCE and _is_even(line, colour, noise):
                found[side] = tuple(colour.tolist()), noise
    borders: list[Border] = []
    for side, (shade, noise) in found.items():
        alike = [b for b in borders if max(np.abs(np.subtract(b.colour, shade))) <= _WEAK]
        if alike:
            borders.remove(alike[0])
            borders.append(
                Border(alike[0].colour, alike[0].sides | {side}, max(alike[0].noise, noise)),
            )
        else:
            borders.append(Border(shade, frozenset((side,)), noise))
    return sorted((b for b in borders if len(b.sides) > 1), key=lambda b: -len(b.sides))


def _is_even(line: Pixels, colour: NDArray[Any], noise: float) -> bool:
    """Return whether all parts of a line have its colour: noise is the same everywhere, a pale subject is not."""
    parts = np.array([np.median(part, axis=0) for part in np.array_split(line, min(8, len(line)))])
    return bool(np.abs(parts - colour).max() <= max(_WEAK, noise))


def gentle_border(pixels: Pixels) -> Border | None:
    """Return a border whose colour changes smoothly around the picture: a quadratic surface fits all of its frame."""
    height, width = pixels.shape[:2]
    if min(height, width) < 16:
        return None
    ring = np.zeros((height, width), bool)
    ring[:2] = ring[-2:] = True
    ring[:, :2] = ring[:, -2:] = True
    y, x = np.nonzero(ring)
    step = max(1, len(y) // 4000)
    y, x = y[::step], x[::step]
    values = pixels[y, x].astype(np.float64)
    base = _powers(x / width - 0.5, y / height - 0.5)
    fit = np.linalg.lstsq(base, values, rcond=None)[0]
    left = np.abs(values - base @ fit).max(axis=1)
    grain = 1.05 * float(np.median(np.abs(np.diff(pixels[:2].astype(np.int16), axis=0))))
    if (
        np.quantile(left, 0.99) > min(_LINE_TOLERANCE, max(_WEAK, 3.3 * grain))
        or np.ptp(base @ fit, axis=0).max() > 100
    ):
        return None
    across, down = np.meshgrid(np.arange(width) / width - 0.5, np.arange(height) / height - 0.5)
    surface = (_powers(across.ravel(), down.ravel()) @ fit).reshape(pixels.shape).astype(np.float32)
    noise = float(np.std(values - base @ fit, axis=0).max())
    return Border(tuple(values.mean(axis=0).tolist()), frozenset(SIDES), max(noise, 1.0), surface)


def _powers(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], axis=1)


def subject(pixels: Pixels, border: Border) -> NDArray[np.bool_]:
    """Return (H, W) bool: what differs from a border, by much or by little all over an area."""
    cv2 = opencv()
    if border.surface is None:
        difference = pixels.astype(np.float32) - np.array(border.colour, np.float32)
    else:
        difference = pixels - border.surface
    away = np.abs(difference).max(axis=2)
    least = max(_WEAK, 2 + 4.5 * border.noise)
    strong: NDArray[np.bool_] = away > least
    if _is_clean(cv2, away, least):
        return strong
    for reach_px, height in _WAVES:
        strong &= away > height * cv2.dilate(away, np.ones((2 * reach_px + 1,) * 2, np.uint8))
    return np.asarray(strong | _weak(cv2, difference, strong, border.noise), bool)


def _is_clean(cv2: Any, away: NDArray[np.float32], least: float) -> bool:  # noqa: ANN401
    """Return whether what is pale beside the subject is of even colour: the picture was never stored as a JPEG."""
    plain = away > max(least, min(32.0, 0.5 * float(away.max())))
    beside = cv2.dilate(plain.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0
    beside &= away <= 8
    pairs = beside[:, 1:] & beside[:, :-1]
    if not pairs.any() or np.mean(away[beside] < 1) > 0.6:
        return True
    return bool(np.mean(away[:, 1:][pairs] == away[:, :-1][pairs]) > 0.85)


def _weak(
    cv2: Any,  # noqa: ANN401
    difference: NDArray[np.float32],
    strong: NDArray[np.bool_],
    noise: float,
) -> NDArray[np.bool_]:
    """Return where the picture differs to one side all over a window; waves go to both sides."""
    rest = (~strong).astype(np.float32)
    window = (_WINDOW, _WINDOW)
    count = cv2.boxFilter(rest, -1, window, normalize=False)
    total = cv2.boxFilter(difference * rest[..., None], -1, window, normalize=False)
    mean = np.abs(total).max(axis=2) / np.maximum(count, 1)
    weak = (mean > _WEAK + noise) & (count >= _WINDOW * _WINDOW * 0.6) & ~strong
    number, labels = cv2.connectedComponents(weak.astype(np.uint8), connectivity=8)
    far = cv2.dilate(strong.astype(np.uint8), np.ones((2 * _WAVES[-1][0] + 1,) * 2, np.uint8)) == 0
    large = np.bincount(labels[far], minlength=number) >= _LEAST_WEAK_PX
    large[0] = False
    kept: NDArray[np.bool_] = large[labels] if number > 1 else weak
    return kept
