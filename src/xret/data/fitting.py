"""From a picture of any size to a square, and back."""

import numpy as np
from PIL import Image

FITS = ("crop", "pad", "squash")
WHITE = (255, 255, 255)


def check_fit(fit: str) -> None:
    """Raise ValueError unless a fit is one of `FITS`."""
    if fit not in FITS:
        raise ValueError(f"fit must be one of {', '.join(FITS)}, got {fit!r}")


def fitted(picture: Image.Image, image_px: int, fit: str) -> Image.Image:
    """Return an RGB picture as a square; see `xret.data.reading.read_image` for what the fits mean."""
    width, height = picture.size
    square = (image_px, image_px)
    if fit == "squash":
        return _resized(picture, square, (0, 0, width, height))
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return _resized(picture, square, (left, top, left + side, top + side))
    size, corner = _padded(width, height, image_px)
    canvas = Image.new("RGB", square, WHITE)
    canvas.paste(_resized(picture, size, (0, 0, width, height)), corner)
    return canvas


def onto_original(square: np.ndarray, width: int, height: int, fit: str) -> np.ndarray:
    """Return a map of a square that `fitted` gave as one of the picture in its own size: a fit, undone.

    Args:
        square: (S, S) float32.
        width: of the picture, in pixels, turned as its EXIF data say.
        height: of the picture.
        fit: what the square was made by. What "crop" has cut away is 0, and the margins of "pad" are gone.

    Returns:
        (height, width) float32.

    Raises:
        ValueError: ``fit`` is unknown.
    """
    check_fit(fit)
    side = square.shape[0]
    picture = Image.fromarray(square.astype(np.float32))
    if fit == "squash":
        return np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR))
    if fit == "pad":
        size, corner = _padded(width, height, side)
        inside = picture.crop((*corner, corner[0] + size[0], corner[1] + size[1]))
        return np.asarray(inside.resize((width, height), Image.Resampling.BILINEAR))
    middle = min(width, height)
    left, top = (width - middle) // 2, (height - middle) // 2
    whole = np.zeros((height, width), dtype=np.float32)
    cut = picture.resize((middle, middle), Image.Resampling.BILINEAR)
    whole[top : top + middle, left : left + middle] = np.asarray(cut)
    return whole


def _padded(width: int, height: int, image_px: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """Return the size of a picture in the middle of a square, and its corner at the left and above."""
    scale = image_px / max(width, height)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return size, ((image_px - size[0]) // 2, (image_px - size[1]) // 2)


def _resized(picture: Image.Image, size: tuple[int, int], box: tuple[float, float, float, float]) -> Image.Image:
    if picture.size == size and box == (0, 0, *size):
        return picture
    return picture.resize(size, Image.Resampling.BICUBIC, box=box)
