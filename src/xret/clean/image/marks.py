"""Marks: half transparent writing of a source, in places and sizes of its own on each picture."""

from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xret.clean import Outcome
from xret.clean.image._faint import Faint, faint
from xret.clean.image._lettering import Ink, Seen, learn, state_of
from xret.clean.image._opencv import opencv

_SOURCES = 100  # so many are looked at one by one, the others together
_FEWEST = 12  # pictures from which marks can be told
_WORK_PX = 1_000_000  # a larger picture is looked at in a smaller copy
_FIT_PX = 640  # longer side at which ``fit`` looks
_NEAR = 10.0  # levels by which a colour may differ from what the ink makes of the ground
_THIN = 0.4  # of that change, which thin strokes reach at least
_PLAIN = 10.0  # levels of change that can be told
_CUT_OUT = 0.005  # share of transparent pixels from which a picture has no ground
_PASSES = 3
# Shadows and dots may be of an ink's colour, but do not look like writing: fewest letters of a word, of several words.
_OF_A_WORD, _OF_SEVERAL = 5, 4


class Marks:
    """Find the half transparent lettering of a source on flat grounds, wherever it stands, and take it off them.

    ``fit`` looks for faint pieces of one colour on the flat grounds of pictures: margins, a white background. Where
    several pictures have letters or words of the same shape, in places or sizes of their own, these are a mark. How it
    changes grounds of different colours tells its colour and its opacity. In a picture, pieces are the mark where
    they change the ground by as much; they get the ground's colour back. So the margins can be cropped
    afterwards (step `margins`); what the mark covers of the subject stays, and so does opaque writing.

    Nothing is found without ``fit``, on cut-outs, on what is no flat ground, and where fewer than six pictures, or 3 %,
    bear a mark plainly. Marks that stand in one place on all pictures are a matter of the step `watermark`.

    Source: Dekel et al. 2017, On the Effectiveness of Visible Watermarks, CVPR (sec. 3: the image model, and opacity
    by agreement over pictures); matching single letters in place of one aligned overlay is this bench's own.

    Args:
        sample: pictures of a source that ``fit`` looks at.

    Raises:
        ValueError: sample < 12.
        UserError: OpenCV is not installed.
    """

    def __init__(self, sample: int = 200) -> None:
        if sample < _FEWEST:
            raise ValueError(f"sample must be at least {_FEWEST}, got {sample}")
        opencv()
        self.sample = sample
        self._inks: list[Ink] = []

    def fit(self, values: Iterable[tuple[str, Image.Image]]) -> None:
        """Learn the marks of (source, picture); of sources with few pictures, those they share."""
        seen: dict[str, list[list[Seen]]] = {"": []}
        for source, picture in values:
            kept = seen.setdefault(source, []) if len(seen) <= _SOURCES else seen.get(source, seen[""])
            if len(kept) < self.sample:
                kept.append(_seen(picture))
        for source in [s for s, kept in seen.items() if s and len(kept) < _FEWEST]:
            seen[""] += seen.pop(source)
        self._inks = []
        for _, kept in sorted(seen.items()):
            numbered = [Seen(i, one.place, one.pieces) for i, some in enumerate(kept) for one in some]
            if len(kept) >= _FEWEST:
                self._inks += learn(numbered, len(kept))

    def state(self) -> dict[str, Any]:
        """Return what the marks are written with, of JSON."""
        return {"inks": state_of(self._inks)}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the marks of a state."""
        self._inks = [Ink(one["opacity"], tuple(one["part"])) for one in state["inks"]]

    def __call__(self, picture: Image.Image) -> Outcome[Image.Image]:
        """Return the picture without marks on its flat grounds."""
        if not self._inks or _is_cut_out(picture):
            return Outcome(picture)
        pixels = np.array(picture)
        factor = int(np.ceil(np.sqrt(picture.width * picture.height / _WORK_PX)))
        covered = np.zeros(pixels.shape[:2], bool)
        for _ in range(_PASSES):
            mine = [one for one in faint(_small(pixels, factor)) if self._is_mark(one)]
            if not mine or not (covered.any() or _is_writing(mine)):
                break
            for one in mine:
                mask = _grown(one.covered, factor, pixels.shape)
                pixels[..., :3][mask] = np.rint(one.ground).astype(np.uint8)
                covered |= mask
        box = Image.fromarray(covered).getbbox()
        if box is None:
            return Outcome(picture)
        return Outcome(Image.fromarray(pixels), f"mark within {box[0]},{box[1]} to {box[2]},{box[3]}")

    def _is_mark(self, pieces: Faint) -> bool:
        """Return whether an ink changes the ground as pieces do; thin strokes alone change it by less."""
        for ink in self._inks:
            full = ink.offset(pieces.ground)
            size = float(np.linalg.norm(full))
            if size < _PLAIN:
                continue
            share = float(pieces.offset @ full) / size**2
            beside = float(np.linalg.norm(pieces.offset - share * full))
            thin = _THIN <= share < 1 and len(pieces.words) > 0
            if beside <= _NEAR and (abs(share - 1) * size <= _NEAR or thin):
                return True
        return False


def _is_writing(pieces: list[Faint]) -> bool:
    """Return whether pieces are letters that make a word, or a few that make several."""
    letters, words = sum(len(piece.letters) for piece in pieces), sum(len(piece.words) for piece in pieces)
    return words > 0 and letters >= (_OF_A_WORD if words == 1 else _OF_SEVERAL)


def _is_cut_out(picture: Image.Image) -> bool:
    return picture.mode == "RGBA" and float(np.mean(np.asarray(picture.getchannel("A")) < 255)) > _CUT_OUT


def _seen(picture: Image.Image) -> list[Seen]:
    """Return the faint pieces of a picture that may be letters or words."""
    if _is_cut_out(picture):
        return []
    small = picture.convert("RGB")
    small.thumbnail((_FIT_PX, _FIT_PX))
    found = []
    for one in faint(np.asarray(small)):
        box = Image.fromarray(one.covered).getbbox() or (0, 0, 0, 0)
        width, height = small.size
        place = (box[0] / width, box[1] / height, box[2] / width, box[3] / height)
        if len(one.letters) or len(one.words):
            found.append(Seen(0, place, one))
    return found


def _small(pixels: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    if factor == 1:
        return np.ascontiguousarray(pixels[..., :3])
    return np.asarray(Image.fromarray(pixels[..., :3]).reduce(factor))


def _grown(mask: NDArray[np.bool_], factor: int, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return a mask in the size of a picture, one px wider on all sides."""
    cv2 = opencv()
    wide = cv2.dilate(mask.astype(np.uint8), np.ones((3, 3), np.uint8))
    if factor > 1:
        wide = cv2.resize(wide, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)
    return np.asarray(wide[: shape[0], : shape[1]] > 0)
