"""The ground that a subject stands on, within its margins: made white."""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from xret.clean.image._border import Border, Pixels, subject
from xret.clean.image._opencv import opencv

_WHITE = 250  # levels; what is so pale is white
_VIVID = 60  # levels between the channels of a colour that a hole in the subject shows, and hardly the subject itself
_HOLE = 3.0  # levels by which a hole may differ
_AROUND_PX = 4  # of the margin, that are looked at beside the box
_EDGE_PX = 2  # from the ground, in which pixels are mixed of both
_SOLID_PX = 4  # from an edge, within which the subject's own colour is looked for
_APART = 24.0  # levels between two colours of which a mixture can be told
_PALE = 240  # levels in all channels from which a colour is hard to see on white


def on_white(picture: Image.Image, box: tuple[int, int, int, int], border: Border) -> Image.Image | None:
    """Return what a box of a picture holds, with white in place of the colour of the border, where it shows that.

    The ground is what does not differ from the border and reaches the sides of the picture, and holes in the subject
    that have a vivid colour; black in it may be its own. Pixels of the edge are mixed of ground and subject: they are
    mixed again with white, by the share that leads from the ground's colour to the nearest one within the subject.

    Args:
        picture: RGB or RGBA.
        box: left, top, right and bottom, about its subject.
        border: around the box.

    Returns:
        None where the border is white or changes over the picture, where it does not show, and where most of the
        subject's edge is as pale as white: it would not be seen.
    """
    if min(border.colour) >= _WHITE or border.surface is not None:
        return None
    wider = [*(max(0, edge - _AROUND_PX) for edge in box[:2]), *(edge + _AROUND_PX for edge in box[2:])]
    pixels = np.array(picture)[wider[1] : wider[3], wider[0] : wider[2]]
    left, top = box[0] - wider[0], box[1] - wider[1]
    within = np.s_[top : top + box[3] - box[1], left : left + box[2] - box[0]]
    colours: Pixels = pixels[..., :3]
    beside = np.ones(pixels.shape[:2], bool)
    beside[within] = False
    ground = _ground(colours, replace(border, noise=max(border.noise, _noise(colours[beside], border))))
    if not ground[within].any():
        return None
    far = opencv().distanceTransform((~ground).astype(np.uint8), opencv().DIST_L2, 3)
    if _is_pale(colours, far):
        return None
    colours[:] = _remixed(colours.astype(np.float32), np.array(border.colour, np.float32), far)
    return Image.fromarray(np.ascontiguousarray(pixels[within]), picture.mode)


def _noise(beside: Pixels, border: Border) -> float:
    """Return the deviation of the margin's pixels (P, 3), told by their median; a smaller copy has less than these."""
    away = np.abs(beside - np.array(border.colour, np.float32))
    return 1.48 * float(np.median(away, axis=0).max()) if len(away) else 0.0


def _ground(colours: Pixels, border: Border) -> NDArray[np.bool_]:
    """Return where the ground shows, (H, W)."""
    ground = ~subject(colours, border)
    _, labels = opencv().connectedComponents(ground.astype(np.uint8), connectivity=4)
    outer = np.unique(np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]]))
    ground &= np.isin(labels, outer)
    if max(border.colour) - min(border.colour) >= _VIVID:
        away = np.abs(colours - np.array(border.colour, np.float32)).max(axis=2)
        ground |= away <= max(_HOLE, 2 * border.noise)
    return ground


def _is_pale(colours: Pixels, far: NDArray[np.float32]) -> bool:
    """Return whether most of what lies beside the ground, behind the mixed pixels, is nearly white."""
    edge = colours[(far > _EDGE_PX) & (far <= _EDGE_PX + _SOLID_PX)]
    return bool(len(edge) and np.mean(edge.min(axis=1) >= _PALE) > 0.5)


def _remixed(
    colours: NDArray[np.float32], ground: NDArray[np.float32], far: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return colours (H, W, 3) on white, given the ground's (3,) and how far from it a pixel is (H, W), 0 within."""
    cv2 = opencv()
    solid = far > _EDGE_PX
    cover = (far > 0).astype(np.float32)
    if solid.any():
        distance, nearest = cv2.distanceTransformWithLabels(
            (~solid).astype(np.uint8), cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL
        )
        own = np.zeros((nearest.max() + 1, 3), np.float32)
        own[nearest[solid]] = colours[solid]
        edge = (far > 0) & ~solid & (distance <= _SOLID_PX)
        towards, away = own[nearest[edge]] - ground, colours[edge] - ground
        length = (towards**2).sum(axis=1)
        share = np.clip((towards * away).sum(axis=1) / np.maximum(length, 1), 0, 1)
        cover[edge] = np.where(length > _APART**2, share, 1)
    mixed: NDArray[np.float32] = np.clip(colours + (1 - cover[..., None]) * (255 - ground), 0, 255).round()
    mixed[far == 0] = 255
    return mixed
