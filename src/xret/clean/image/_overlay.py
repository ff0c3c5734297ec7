"""An overlay that pictures share: how it is found in many of them, and told in one."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xret.clean.image._opencv import opencv

Grey = NDArray[np.uint8]  # (h, VIEW_PX), a picture made VIEW_PX wide
Edges = NDArray[np.float32]  # (VIEW_PX, VIEW_PX, 2), steps to the right and down in [-1, 1]

VIEW_PX = 256
VIEWS = ("frame", "top", "centre", "bottom")  # stretched to a square, or by width and cut from there
_TALLEST_PX = 768
_FULL_STEP = 24.0  # levels; a greater step between neighbours counts no more
_SHIFTS = ((24, 0), (-24, 0), (0, 24), (0, -24), (17, 17), (-17, -17), (17, -17), (-17, 17))
_SHARED = 10.0  # least z squared of a shared step
_AGREEING = 0.5  # share of the steps' energy that is the same in all pictures that show the overlay
_LEAST_EDGE_PX = 60
_LEAST_STEP = 0.3  # mean step of an overlay; the rims of things that lie in one place have less in common
_ONE_WAY = 0.35  # share of steps that no step back beside them undoes: outlines have many, strokes few
_OPAQUE = 0.85  # what hides so much is a drawing, not an overlay
_PRESENT = 0.12  # of the overlay's steps
_CLEAR = 0.05  # by which its place must be better than places beside it


@dataclass(frozen=True)
class Overlay:
    """What pictures share, in a view of them.

    Attributes:
        view: of VIEWS.
        at: (N,) positions of its edges, row by row.
        steps: (N, 2) its edges there.
        strokes: (M,) positions that it covers.
    """

    view: str
    at: NDArray[np.int64]
    steps: NDArray[np.float32]
    strokes: NDArray[np.int64]

    def score(self, seen: Edges) -> float:
        """Return how much of the overlay's edges a picture has; 1 for as much as the pictures it was learnt from."""
        flat = seen.reshape(-1, 2)
        return float((flat[self.at] * self.steps).sum() / (self.steps**2).sum())

    def is_in(self, seen: Edges) -> bool:
        """Return whether a picture has the overlay's edges here, and nothing like them a little beside."""
        here = self.score(seen)
        if here < _PRESENT:
            return False
        y, x = np.divmod(self.at, VIEW_PX)
        flat, energy = seen.reshape(-1, 2), (self.steps**2).sum()
        for down, right in _SHIFTS:
            beside = (y + down) % VIEW_PX * VIEW_PX + (x + right) % VIEW_PX
            if here < _CLEAR + abs(float((flat[beside] * self.steps).sum() / energy)):
                return False
        return True

    def covered(self) -> NDArray[np.uint8]:
        """Return (VIEW_PX, VIEW_PX) uint8, 255 where the overlay covers its view."""
        flat = np.zeros(VIEW_PX * VIEW_PX, np.uint8)
        flat[self.strokes] = 255
        return flat.reshape(VIEW_PX, VIEW_PX)

    def mask(self, size: tuple[int, int]) -> NDArray[np.uint8]:
        """Return (H, W) uint8, 255 where the overlay covers a picture of a size (width, height)."""
        cv2 = opencv()
        view = self.covered()
        if self.view != "frame":
            tall = _height(size)
            top, start = _cut(self.view, tall)
            wide = np.zeros((tall, VIEW_PX), np.uint8)
            rows = min(tall, VIEW_PX)
            wide[top : top + rows] = view[start : start + rows]
            view = wide
        large = cv2.resize(view, size, interpolation=cv2.INTER_LINEAR)
        return np.asarray(255 * (large > 64), np.uint8)

    def state(self) -> dict[str, Any]:
        """Return what `restored` needs, of JSON."""
        steps = np.rint(self.steps * 1000).astype(int).tolist()
        return {"view": self.view, "at": self.at.tolist(), "steps": steps, "strokes": self.strokes.tolist()}

    @classmethod
    def restored(cls, state: dict[str, Any]) -> Self:
        """Return the overlay of a state."""
        steps = np.array(np.divide(state["steps"], 1000), np.float32)
        return cls(state["view"], np.array(state["at"]), steps, np.array(state["strokes"], np.int64))


def _height(size: tuple[int, int]) -> int:
    return min(_TALLEST_PX, max(8, round(size[1] * VIEW_PX / size[0])))


def _cut(view: str, tall: int) -> tuple[int, int]:
    """Return the first row of a picture that a view shows, and the row of the view where it stands."""
    free = tall - VIEW_PX
    offset = {"top": 0, "centre": free // 2, "bottom": free}[view]
    return max(0, offset), max(0, -offset)


def grey(picture: Image.Image) -> Grey:
    """Return a picture in grey, VIEW_PX wide; over middle grey where it is transparent."""
    small = picture.resize((VIEW_PX, _height(picture.size)), Image.Resampling.BOX, reducing_gap=2.0)
    if small.mode == "RGBA":
        ground = Image.new("RGBA", small.size, (128, 128, 128, 255))
        ground.alpha_composite(small)
        small = ground
    return np.asarray(small.convert("L"))


def edges(picture: Grey, view: str) -> Edges:
    """Return the steps of grey in a view."""
    if view == "frame":
        picture = _in_view(picture, view)
    steps = np.zeros((*picture.shape, 2), np.float32)
    values = picture.astype(np.float32)
    steps[:, 1:-1, 0] = (values[:, 2:] - values[:, :-2]) / 2
    steps[1:-1, :, 1] = (values[2:] - values[:-2]) / 2
    steps = np.clip(steps / _FULL_STEP, -1, 1)
    return steps if view == "frame" else _in_view(steps, view)


def _in_view(values: NDArray[Any], view: str) -> NDArray[Any]:
    """Return a picture, or its steps, in a view; zero where the view is taller than the picture."""
    if view == "frame":
        resized: NDArray[Any] = opencv().resize(values, (VIEW_PX, VIEW_PX), interpolation=opencv().INTER_LINEAR)
        return resized
    top, start = _cut(view, len(values))
    seen = np.zeros((VIEW_PX, VIEW_PX, *values.shape[2:]), values.dtype)
    rows = min(len(values), VIEW_PX)
    seen[start : start + rows] = values[top : top + rows]
    return seen


def learn(pictures: list[Grey], least_share: float) -> Overlay | None:
    """Return the overlay that at least a share of pictures has; None when there is none.

    Steps that are the same in many pictures stand out in their mean (Dekel et al. 2017, On the Effectiveness of
    Visible Watermarks, sec. 3.1). The pictures that have them are found, and the steps are taken from those alone.
    """
    best: tuple[float, Overlay] | None = None
    for view in VIEWS:
        seen = np.stack([edges(picture, view) for picture in pictures])
        shared = _mean_steps(seen, np.ones(len(seen), bool))
        z = len(seen) * (shared**2).sum(-1) / ((seen**2).mean(0).sum(-1) + 0.02)
        chosen = (z > _SHARED) & ((shared**2).sum(-1) > 0.04**2)
        overlay = _refined(view, seen, shared, chosen, least_share)
        if overlay is None or not _lets_through(pictures, overlay):
            continue
        weight = float((overlay.steps**2).sum())
        if best is None or weight > best[0]:
            best = weight, overlay
    return None if best is None else best[1]


def _mean_steps(seen: NDArray[np.float32], chosen: NDArray[np.bool_]) -> Edges:
    """Return the mean of pictures without what changes slowly in it: where things use to lie in pictures."""
    mean = seen[chosen].mean(0)
    return np.asarray(mean - opencv().GaussianBlur(mean, (0, 0), 8), np.float32)


def _refined(
    view: str, seen: NDArray[np.float32], shared: Edges, chosen: NDArray[np.bool_], least_share: float
) -> Overlay | None:
    """Return the overlay after pictures and steps have been chosen by each other."""
    for _ in range(3):
        if chosen.sum() < _LEAST_EDGE_PX:
            return None
        at = np.flatnonzero(chosen)
        overlay = Overlay(view, at, shared[chosen], _strokes(shared, chosen))
        scores = np.array([overlay.score(one) for one in seen])
        having = scores > 0.5 * np.quantile(scores, 1 - 0.5 * least_share)
        if having.sum() < max(6, least_share * len(seen)):
            return None
        shared = _mean_steps(seen, having)
        energy = (shared**2).sum(-1)
        chosen = (energy > _AGREEING * (seen[having] ** 2).mean(0).sum(-1)) & (energy > 0.1**2)
    if chosen.sum() < _LEAST_EDGE_PX or np.abs(shared[chosen]).sum(-1).mean() < _LEAST_STEP:
        return None
    if _one_way(shared, chosen) > _ONE_WAY:
        return None
    overlay = Overlay(view, np.flatnonzero(chosen), shared[chosen], _strokes(shared, chosen))
    found = sum(overlay.is_in(one) for one in seen)
    return overlay if found >= max(6, least_share * len(seen)) else None


def _one_way(shared: Edges, chosen: NDArray[np.bool_]) -> float:
    """Return the share of steps that remains when those of a neighbourhood are added up."""
    cv2 = opencv()
    steps = shared * chosen[..., None]
    there = cv2.boxFilter(steps, -1, (11, 11))
    all_of_them = cv2.boxFilter(np.linalg.norm(steps, axis=2), -1, (11, 11))
    return float(np.linalg.norm(there, axis=2)[chosen].sum() / all_of_them[chosen].sum())


def _strokes(shared: Edges, chosen: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return the positions that an overlay covers: its edges and what they enclose."""
    cv2 = opencv()
    closed = cv2.morphologyEx(chosen.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((5, 5), np.uint8))
    return np.flatnonzero(cv2.dilate(closed, np.ones((3, 3), np.uint8)))


def _lets_through(pictures: list[Grey], overlay: Overlay) -> bool:
    """Return whether the pictures are seen through an overlay: a drawing that they share is opaque.

    Over the pictures, a position's value under a stroke lies over the value that its surroundings suggest on a line of
    slope 1 - opacity. The most hidden part of them decides: the mask also covers what lies between strokes.
    """
    cv2 = opencv()
    mask = overlay.covered()
    having = [p for p in pictures if overlay.is_in(edges(p, overlay.view))][:32]
    views = [_in_view(picture, overlay.view) for picture in having]
    y = np.stack([view[mask > 0] for view in views]).astype(np.float64)  # (pictures, positions)
    x = np.stack([cv2.inpaint(view, mask, 3, cv2.INPAINT_TELEA)[mask > 0] for view in views]).astype(np.float64)
    varied = x.std(axis=0) >= 12
    if varied.sum() < _LEAST_EDGE_PX:  # all on one ground: opaque black on white is told by its height alone
        return bool(np.quantile(np.abs(y - x), 0.95) < _OPAQUE * 255)
    x, y = x[:, varied] - x[:, varied].mean(0), y[:, varied] - y[:, varied].mean(0)
    slopes = (x * y).sum(0) / (x * x).sum(0)
    return bool(np.quantile(slopes, 0.15) > 1 - _OPAQUE)
