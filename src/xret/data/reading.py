"""Reading pictures: whatever the file holds, a square of pixels or one kind of error comes out."""

import io
import stat
import warnings
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from xret._errors import UserError
from xret.data import svg
from xret.data.faults import RowError
from xret.data.fitting import WHITE, check_fit, fitted

MAX_BYTES = 200_000_000
MAX_PIXELS = 50_000_000

_LONGEST = 32  # times as long as wide: drawings beyond it are drawn smaller and enlarged

Image.init()  # loads all plugins; of them, none that starts another program is used
_FORMATS = tuple(f for f in ("PNG", "JPEG", "MPO", "GIF", "WEBP", "BMP", "TIFF", "PPM", "AVIF") if f in Image.OPEN)

warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)  # the bound here is lower, and no warning


class BrokenMedia(RowError):  # noqa: N818 - it is the file that is broken
    """A media file cannot be read; ``reason`` is "missing", "too_large", "undecodable" or "unsafe"."""


def read_image(path: Path, layer: str, image_px: int, fit: str) -> np.ndarray:
    """Read a picture as a square.

    Pictures are turned as their EXIF data say, transparent ones are laid on white, of animated ones the first frame is
    taken. SVG is drawn at the size needed. Resampling is bicubic with antialiasing.

    Args:
        path: PNG, JPEG, GIF, WebP, BMP, TIFF, PPM, AVIF or SVG, told apart by content.
        layer: "" or, for the drawings of OpenMoji, "line": without colour.
        image_px: side of the square, in pixels.
        fit: "crop": the shorter side becomes ``image_px`` and the middle is cut out; "pad": the whole picture in the
            middle of a white square; "squash": both sides become ``image_px``.

    Returns:
        (3, H, W) uint8, RGB, H = W = image_px.

    Raises:
        ValueError: ``fit`` or ``layer`` is not one of these.
        BrokenMedia: the file is missing, too large, damaged or not safe to read; nothing else is raised for a file.
    """
    check_fit(fit)
    _check_layer(layer)
    with _one_kind_of_error():
        data = _checked(path, layer)
        picture = _draw(data, layer, image_px, fit) if _is_drawing(data) else _decode(data, image_px)
        return np.ascontiguousarray(np.asarray(fitted(picture, image_px, fit)).transpose(2, 0, 1))


def decode_image(data: bytes, image_px: int, fit: str, max_pixels: int | None = None) -> np.ndarray:
    """Read a picture that somebody sent, as `read_image` reads a file; drawings (SVG) are refused.

    Args:
        data: the bytes of the file.
        image_px: as for `read_image`.
        fit: as for `read_image`.
        max_pixels: refuse larger ones; None: `MAX_PIXELS`.

    Returns:
        (3, H, W) uint8.

    Raises:
        BrokenMedia: as for `read_image`.
    """
    with _one_kind_of_error():
        if _is_drawing(data):
            raise BrokenMedia("unsafe", "drawings and markup are not read; send PNG, JPEG, WebP or GIF")
        picture = _decode(data, image_px, MAX_PIXELS if max_pixels is None else max_pixels)
        return np.ascontiguousarray(np.asarray(fitted(picture, image_px, fit)).transpose(2, 0, 1))


def read_small(path: Path, layer: str, longest_px: int) -> Image.Image:
    """Read a picture in its own shape on white, RGB, not longer than ``longest_px`` on any side.

    Args:
        path: as for `read_image`.
        layer: as for `read_image`.
        longest_px: a smaller picture stays as it is; an SVG is drawn at this size.

    Raises:
        ValueError: ``layer`` is not "" or "line".
        BrokenMedia: as for `read_image`.
    """
    _check_layer(layer)
    with _one_kind_of_error():
        data = _checked(path, layer)
        if _is_drawing(data):
            return _on_white(Image.open(io.BytesIO(svg.draw(_parsed(data, layer), longest_px, longest_px))))
        picture = _decode(data, longest_px)
        picture.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC)
        return picture


def read_whole(path: Path, layer: str, drawn_px: int) -> Image.Image:
    """Read a picture in its own size and with its transparency, turned as its EXIF data say.

    Args:
        path: as for `read_image`.
        layer: as for `read_image`.
        drawn_px: longer side at which an SVG is drawn.

    Returns:
        RGB, or RGBA where something may be transparent.

    Raises:
        ValueError: ``layer`` is not "" or "line".
        BrokenMedia: as for `read_image`.
    """
    _check_layer(layer)
    with _one_kind_of_error():
        data = _checked(path, layer)
        if _is_drawing(data):
            picture: Image.Image = Image.open(io.BytesIO(svg.draw(_parsed(data, layer), drawn_px, drawn_px)))
        else:
            picture = ImageOps.exif_transpose(_open(data))
        return picture.convert("RGBA") if _has_transparency(picture) else _on_white(picture)


def read_cover(path: Path, layer: str, image_px: int, fit: str) -> np.ndarray | None:
    """Read how much of each pixel of a square a picture covers: its transparency, brought to size as its colours are.

    Args:
        path: as for `read_image`.
        layer: as for `read_image`.
        image_px: as for `read_image`.
        fit: as for `read_image`.

    Returns:
        (H, W) float32 in [0, 1], H = W = image_px; 0 where `read_image` shows nothing but white. None: nothing is
        transparent.

    Raises:
        ValueError: as for `read_image`.
        BrokenMedia: as for `read_image`.
    """
    check_fit(fit)
    picture = read_whole(path, layer, 2 * image_px)
    if picture.mode != "RGBA" or picture.getchannel("A").getextrema()[0] == 255:
        return None
    missing = ImageOps.invert(picture.getchannel("A"))  # white where nothing is, as the margins of a fit are
    square = np.asarray(fitted(Image.merge("RGB", [missing] * 3), image_px, fit))[..., 0]
    return 1 - square.astype(np.float32) / 255


@contextmanager
def _one_kind_of_error() -> Iterator[None]:
    try:
        yield
    except (UserError, BrokenMedia):
        raise
    except RowError as error:
        raise BrokenMedia(error.reason, error.detail) from None
    except MemoryError:
        raise BrokenMedia("too_large", "not enough memory to decode it") from None
    except Exception as error:  # decoders raise whatever they like
        raise BrokenMedia("undecodable", f"{type(error).__name__}: {error}".rstrip(": ")) from error


def _check_layer(layer: str) -> None:
    if layer not in ("", "line"):
        raise ValueError(f"layer must be empty or line, got {layer!r}")


def _checked(path: Path, layer: str) -> bytes:
    """Return the bytes of a file that has such a layer."""
    data = _read(path)
    if layer and not _is_drawing(data):
        raise BrokenMedia("undecodable", f"only an SVG has a layer called {layer}")
    return data


def _is_drawing(data: bytes) -> bool:
    return data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<")


def _read(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise BrokenMedia("missing", "not a file")
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        raise BrokenMedia("missing", getattr(error, "strerror", None) or str(error)) from None
    if len(data) > MAX_BYTES:
        raise BrokenMedia("too_large", f"more than {MAX_BYTES:,} bytes")
    if not data:
        raise BrokenMedia("undecodable", "the file is empty")
    return data


def _open(data: bytes, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Open a picture by its header alone."""
    try:
        picture = Image.open(io.BytesIO(data), formats=_FORMATS)
    except UnidentifiedImageError:
        raise BrokenMedia("undecodable", "not a picture in a format that is read") from None
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        picture = None
    if picture is None or picture.width * picture.height > max_pixels:
        raise BrokenMedia("too_large", f"more than {max_pixels:,} pixels")
    return picture


def _decode(data: bytes, image_px: int, max_pixels: int = MAX_PIXELS) -> Image.Image:
    picture = _open(data, max_pixels)
    if picture.format in ("JPEG", "MPO"):
        scale = 2 * image_px / min(picture.size)  # twice the size needed, so that the resampling still decides
        picture.draft(None, (round(picture.width * scale), round(picture.height * scale)))
    return _on_white(ImageOps.exif_transpose(picture))


def _parsed(data: bytes, layer: str) -> ET.Element:
    root = svg.parse(data, lambda picture: _open(picture).close())
    if layer == "line":
        svg.keep_lines(root)
    return root


def _draw(data: bytes, layer: str, image_px: int, fit: str) -> Image.Image:
    root = _parsed(data, layer)

    def drawn(width: int, height: int) -> Image.Image:
        return _on_white(Image.open(io.BytesIO(svg.draw(root, width, height))))

    whole = drawn(image_px, image_px)
    if fit == "pad" or whole.width == whole.height:
        return whole
    wide = whole.width > whole.height  # drawn again, so that the shorter side has the size needed
    return drawn(image_px * (_LONGEST if wide else 1), image_px * (1 if wide else _LONGEST))


def _has_transparency(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "RGBa", "LA", "La", "PA") or "transparency" in picture.info


def _on_white(picture: Image.Image) -> Image.Image:
    """Return 8-bit RGB of a picture of any mode."""
    if picture.mode[0] in "IF":  # I;16, I, F: one channel of more than 8 bits
        grey = np.nan_to_num(np.asarray(picture, dtype=np.float64))
        grey = grey / 257 if picture.mode.startswith("I;16") or grey.max() > 255 else grey
        return Image.fromarray(grey.clip(0, 255).round().astype(np.uint8)).convert("RGB")
    if _has_transparency(picture):
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, (*WHITE, 255))
        return Image.alpha_composite(white, picture).convert("RGB")
    return picture.convert("RGB")
