"""Watermarks: an overlay that many pictures of one source share."""

from collections.abc import Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xret.clean import Outcome
from xret.clean.image._opencv import opencv
from xret.clean.image._overlay import Grey, Overlay, edges, grey, learn

_SOURCES = 100  # so many are looked at one by one, the others together
_FEWEST = 12  # pictures from which an overlay can be told
_CROPPED = 0.25  # share of a picture's side that a crop may cost
_PASSES = 3


class Watermark:
    """Find the semi-transparent text or logo that pictures of one source share, and mend what it covers.

    ``fit`` looks at a number of pictures of each source. Steps of grey that are the same in many of them, in size and
    place relative to the frame or to its width, make an overlay, unless the pictures are hidden by it: then it is a
    drawing that they share. Without ``fit`` nothing is found; nor is a watermark that only one picture has.

    A picture is mended only if nothing is found in it afterwards; otherwise the mended one is a proposal.

    Source: Dekel et al. 2017, On the Effectiveness of Visible Watermarks, CVPR (sec. 3.1: detection by the agreement of
    gradients); Telea 2004, An Image Inpainting Technique Based on the Fast Marching Method.

    Args:
        mend: inpaint: fill the strokes from what is around them; crop: cut them off where they lie at an edge, else
            inpaint; report: propose the inpainted picture.
        sample: pictures of a source that ``fit`` looks at; 64 kB of memory each, 256 kB of a tall one.
        least_share: share of a source's pictures that must have the overlay.

    Raises:
        ValueError: mend is another word, sample < 12, or least_share is outside (0, 1].
        UserError: OpenCV is not installed.
    """

    def __init__(
        self, mend: Literal["inpaint", "crop", "report"] = "inpaint", sample: int = 96, least_share: float = 0.15
    ) -> None:
        if mend not in ("inpaint", "crop", "report"):
            raise ValueError(f"mend must be inpaint, crop or report, got {mend!r}")
        if sample < _FEWEST:
            raise ValueError(f"sample must be at least {_FEWEST}, got {sample}")
        if not 0 < least_share <= 1:
            raise ValueError(f"least_share must be in (0, 1], got {least_share}")
        opencv()
        self.mend, self.sample, self.least_share = mend, sample, least_share
        self._overlays: list[Overlay] = []

    def fit(self, values: Iterable[tuple[str, Image.Image]]) -> None:
        """Learn the overlays of (source, picture); of sources with few pictures, those they share."""
        seen: dict[str, list[Grey]] = {"": []}
        for source, picture in values:
            kept = seen.setdefault(source, []) if len(seen) <= _SOURCES else seen.get(source, seen[""])
            if len(kept) < self.sample * (1 if source else 2):
                kept.append(grey(picture))
        for source in [s for s, kept in seen.items() if s and len(kept) < _FEWEST]:
            seen[""] += seen.pop(source)
        found = (learn(kept, self.least_share) for _, kept in sorted(seen.items()) if len(kept) >= _FEWEST)
        self._overlays = [overlay for overlay in found if overlay is not None]

    def state(self) -> dict[str, Any]:
        """Return the overlays, of JSON."""
        return {"overlays": [overlay.state() for overlay in self._overlays]}

    def restore(self, state: dict[str, Any]) -> None:
        """Take the overlays of a state."""
        self._overlays = [Overlay.restored(one) for one in state["overlays"]]

    def __call__(self, picture: Image.Image) -> Outcome[Image.Image]:
        """Return the picture without the overlay that is found in it."""
        overlay = self._found(picture)
        if overlay is None:
            return Outcome(picture)
        mended, passes = picture, 0
        left: Overlay | None = overlay
        while left is not None and passes < _PASSES:
            mask = left.mask(mended.size)
            mended = _mended(mended, mask, cut=self.mend == "crop")
            left, passes = self._found(mended), passes + 1
        box = Image.fromarray(overlay.mask(picture.size)).getbbox() or (0, 0, 0, 0)
        reason = f"watermark within {box[0]},{box[1]} to {box[2]},{box[3]}"
        score = min(1.0, max(0.0, overlay.score(edges(grey(picture), overlay.view))))
        return Outcome(mended, reason, applied=self.mend != "report" and left is None, evidence=score)

    def _found(self, picture: Image.Image) -> Overlay | None:
        if not self._overlays:
            return None
        seen = grey(picture)
        views = {view: edges(seen, view) for view in {overlay.view for overlay in self._overlays}}
        found = [overlay for overlay in self._overlays if overlay.is_in(views[overlay.view])]
        return max(found, key=lambda overlay: overlay.score(views[overlay.view]), default=None)


def _mended(picture: Image.Image, mask: NDArray[np.uint8], cut: bool) -> Image.Image:
    """Return a picture without what a mask covers."""
    box = Image.fromarray(mask).getbbox()
    if box is None:
        return picture
    width, height = picture.size
    costs = {
        (box[2], 0, width, height): box[2] / width,
        (0, box[3], width, height): box[3] / height,
        (0, 0, box[0], height): 1 - box[0] / width,
        (0, 0, width, box[1]): 1 - box[1] / height,
    }
    cheapest = min(costs, key=lambda kept: costs[kept])
    if cut and costs[cheapest] <= _CROPPED:
        return picture.crop(cheapest)
    cv2 = opencv()
    pixels = np.array(picture)
    radius = max(2, round(max(picture.size) / 170))
    pixels[..., :3] = cv2.inpaint(np.ascontiguousarray(pixels[..., :3]), mask, radius, cv2.INPAINT_TELEA)
    if pixels.shape[2] == 4:
        pixels[..., 3] = cv2.inpaint(np.ascontiguousarray(pixels[..., 3]), mask, radius, cv2.INPAINT_TELEA)
    return Image.fromarray(pixels)
