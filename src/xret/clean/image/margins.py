"""Margins: what surrounds the subject goes, and what is seen of them beside it becomes white."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xret.clean import Outcome
from xret.clean.image._border import SIDES, Border, Pixels, flat_borders, gentle_border, subject
from xret.clean.image._ground import on_white
from xret.clean.image._opencv import opencv

_WORK_PX = 1_500_000  # a larger picture is looked at in a smaller copy
_ROUNDS = 8
_NESTED = 0.5  # share of the area that a margin within another leaves at least; what would go beyond is a flat subject
_UNSEEN = 3  # opacity, in levels of 255, that no eye tells from none
_CUT_OUT = 0.005  # share of unseen pixels from which a picture is a cut-out
_OUTLINE = 0.08  # width of an outline at most, as a share of the shorter side
_LEAST_TRANSPARENT = 0.0025  # width of a transparent margin, as a share of the picture's side


class Box(NamedTuple):
    """Left, top, right and bottom in px; right and bottom are outside."""

    left: int
    top: int
    right: int
    bottom: int


@dataclass(frozen=True)
class Margins:
    """Crop a picture to its subject: everything that differs from a border of one colour.

    The border may be transparent, on some sides only (letterbox), one within the other, noisy, or change gently.
    What differs strongly belongs to the subject, and what differs by a little all over an area: pale things, soft
    shadows. The waves that JPEG makes beside edges do not: they are small beside the edge and go to both sides.

    A subject that is no rectangle stands on the colour of its margin still, and an encoder sees that colour as well:
    it becomes white, unless the subject would be hard to see on white.

    Args:
        least: a margin of a colour is one where it is at least so wide on one side, as a share of the picture's; a
            narrower one is the outline of a drawing.
        pad: share of the subject's longer side that stays around it, where there is as much.
        least_side: px of each side that stay in any case.
        ground: "white" or "keep", what becomes of the margin's colour beside the subject.

    Raises:
        ValueError: least or pad is outside [0, 1), least_side < 1, or ground is neither.
        UserError: OpenCV is not installed.
    """

    least: float = 0.045
    pad: float = 0.0
    least_side: int = 32
    ground: str = "white"

    def __post_init__(self) -> None:
        for name, value in (("least", self.least), ("pad", self.pad)):
            if not 0 <= value < 1:
                raise ValueError(f"{name} must be in [0, 1), got {value}")
        if self.least_side < 1:
            raise ValueError(f"least_side must be at least 1, got {self.least_side}")
        if self.ground not in ("white", "keep"):
            raise ValueError(f"ground must be white or keep, got {self.ground}")
        opencv()

    def __call__(self, picture: Image.Image) -> Outcome[Image.Image]:
        """Return the picture without its margins."""
        box, borders = Box(0, 0, *picture.size), list[Border | None]()
        for number in range(_ROUNDS):
            inner = self._inner(picture.crop(box))
            if inner is None:
                break
            (left, top, right, bottom), border = inner
            if number and (right - left) * (bottom - top) < _NESTED * (box.right - box.left) * (box.bottom - box.top):
                break
            box = Box(box.left + left, box.top + top, box.left + right, box.top + bottom)
            borders.append(border)
        box = self._padded(box, picture)
        if not borders or box == (0, 0, *picture.size):
            return Outcome(picture)
        last = borders[-1]
        white = on_white(picture, box, last) if self.ground == "white" and last is not None else None
        reason = f"margin of {' in '.join(map(_name, borders))}{', white in the rest' if white else ''}"
        return Outcome(white or picture.crop(box), f"{reason}, kept {box.left},{box.top} to {box.right},{box.bottom}")

    def _inner(self, picture: Image.Image) -> tuple[Box, Border | None] | None:
        """Return the box within one margin and the margin, None where it is transparent; None where there is none."""
        if min(picture.size) < self.least_side:
            return None
        factor = int(np.ceil(np.sqrt(picture.width * picture.height / _WORK_PX)))
        small = picture.reduce(factor) if factor > 1 else picture
        if small.mode == "RGBA":
            alpha = np.asarray(small.getchannel("A"))
            if np.mean(alpha <= _UNSEEN) > _CUT_OUT:  # its colours are its own
                box = self._box(alpha > _UNSEEN, frozenset(SIDES), _LEAST_TRANSPARENT)
                return None if box is None else (_enlarged(box, factor, picture.size), None)
        pixels = np.asarray(small.convert("RGB"))
        for border in _borders(pixels):
            box = self._box(subject(pixels, border), border.sides, self.least)
            if box is not None and not (small.mode == "RGBA" and _is_outline(box, small.size)):
                return _enlarged(box, factor, picture.size), border
        return None

    @staticmethod
    def _box(mask: NDArray[np.bool_], sides: frozenset[str], least: float) -> Box | None:
        """Return the subject's box on the sides of a border; None where nothing or too little would go."""
        height, width = mask.shape
        columns, rows = np.flatnonzero(mask.any(axis=0)), np.flatnonzero(mask.any(axis=1))
        if not len(columns):
            return None
        inner = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
        outer = (0, 0, width, height)
        box = Box(*(i if side in sides else o for side, i, o in zip(SIDES, inner, outer, strict=True)))
        shares = (box.left / width, box.top / height, 1 - box.right / width, 1 - box.bottom / height)
        return box if max(shares) >= least and max(shares) > 0 else None

    def _padded(self, box: Box, picture: Image.Image) -> Box:
        """Return a box with its pad, no smaller than least_side, within the picture."""
        pad = round(self.pad * max(box.right - box.left, box.bottom - box.top))
        spans = []
        for low, high, size in ((box.left, box.right, picture.width), (box.top, box.bottom, picture.height)):
            more = max(pad, -(-(self.least_side - (high - low)) // 2))
            start = max(0, min(low - more, size - self.least_side))
            spans.append((start, min(size, max(high + more, start + self.least_side))))
        return Box(spans[0][0], spans[1][0], spans[0][1], spans[1][1])


def _borders(pixels: Pixels) -> Iterator[Border]:
    """Yield borders by how much of the frame they explain: one colour all around, a gentle change, single sides."""
    flat = flat_borders(pixels)
    around = [border for border in flat if len(border.sides) == len(SIDES)]
    yield from around
    gentle = None if around else gentle_border(pixels)
    if gentle is not None:
        yield gentle
    yield from (border for border in flat if border not in around)


def _enlarged(box: Box, factor: int, size: tuple[int, int]) -> Box:
    """Return a box of a picture that was made smaller, in px of the picture."""
    return Box(box.left * factor, box.top * factor, min(box.right * factor, size[0]), min(box.bottom * factor, size[1]))


def _is_outline(box: Box, size: tuple[int, int]) -> bool:
    """Return whether what surrounds a box is thin and equally wide on all sides, like the outline of a drawing."""
    widths = (box.left, box.top, size[0] - box.right, size[1] - box.bottom)
    return max(widths) <= _OUTLINE * min(size) and max(widths) - min(widths) <= max(2, 0.25 * max(widths))


def _name(border: Border | None) -> str:
    """Return the colour as it is written in reasons."""
    return "transparency" if border is None else "#" + "".join(f"{round(level):02x}" for level in border.colour)
