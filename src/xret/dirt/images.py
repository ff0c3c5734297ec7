"""Pictures as shops and stock sites show them: margins, watermarks, a turned camera, strong compression."""

import io
from dataclasses import dataclass

from PIL import Image

from xret.dirt import Planted
from xret.dirt._margins import framed
from xret.dirt._watermark import design
from xret.dirt.draws import Draws, check_share

_QUALITIES = {"seen": (8, 15, 25, 40), "unseen": (11, 19, 32, 48)}
_CAMERA_QUALITY = 92
_COMPRESSION = 3  # of PNG: nearly as small as the default, in half the time
_ORIENTATION = 0x0112  # tag of EXIF
_TURNS = {  # orientation -> what was done to the upright picture
    3: Image.Transpose.ROTATE_180,
    6: Image.Transpose.ROTATE_90,
    8: Image.Transpose.ROTATE_270,
}


@dataclass(frozen=True, slots=True)
class DirtyPicture:
    """A picture file.

    Attributes:
        data: its bytes.
        suffix: ".png", or ".jpg".
        planted: what was planted, in the order in which it was.
    """

    data: bytes
    suffix: str
    planted: tuple[Planted, ...]


@dataclass(frozen=True)
class Images:
    """Plant dirt in pictures; each kind in a share of them, drawn apart from the others.

    ``Planted.what`` holds, in pixels of the upright result and as left, top, right, bottom: for "margins" their colour,
    the ``frame`` of the picture between them and the ``box`` of its subject; for "watermark" its ``box``, opacity,
    text, font and colour; for "rotation" the EXIF orientation, by which an honest reader turns the picture back; for
    "jpeg" the quality. A dirty picture is opaque, on white where it has no margins.

    Args:
        margins: share of pictures with uniform margins.
        watermark: share with half transparent writing.
        rotation: share that lies on its side, with a tag that says so, as cameras write it.
        jpeg: share that was compressed too much.
        least: of the side that margins take, smallest share.
        most: of the side that margins take, largest share.
        max_px: of the longer side of a picture with margins; it is made smaller where it would be larger.
        designs: different watermarks; each picture has one of them.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    margins: float = 0.4
    watermark: float = 0.35
    rotation: float = 0.05
    jpeg: float = 0.1
    least: float = 0.1
    most: float = 0.8
    max_px: int = 640
    designs: int = 2

    def __post_init__(self) -> None:
        for name in ("margins", "watermark", "rotation", "jpeg"):
            check_share(name, getattr(self, name))
        if not 0 < self.least <= self.most < 1:
            raise ValueError(f"margins take 0 < least <= most < 1 of the side, got {self.least} and {self.most}")
        if self.max_px < 32:
            raise ValueError(f"max_px must be at least 32, got {self.max_px}")
        if self.designs < 1:
            raise ValueError(f"designs must be at least 1, got {self.designs}; watermark=0 plants none")

    def wants(self, name: str, draws: Draws) -> bool:
        """Tell whether a picture is to be dirty, without opening it."""
        return any(self._hit(kind, name, draws) for kind in ("margins", "watermark", "rotation", "jpeg"))

    def __call__(self, picture: Image.Image, name: str, draws: Draws) -> DirtyPicture | None:
        """Return the dirty picture, or None where nothing could be planted.

        Args:
            picture: upright, RGB or RGBA.
            name: what its lots are drawn by: the reference of its file.
            draws: of the data set.
        """
        planted = []
        if self._hit("margins", name, draws):
            rng = draws.of("margins of", name)
            if found := framed(picture, draws.pool, rng, self.least, self.most, self.max_px):
                picture = found[0]
                planted.append(Planted("margins", "image", found[1]))
        picture = _on_white(picture)
        if self._hit("watermark", name, draws):
            number = draws.of("watermark of", name).randrange(self.designs)
            mark = design(draws.pool, draws.of("design", draws.pool, str(number)))
            if marked := mark.on(picture):
                picture = marked[0]
                planted.append(Planted("watermark", "image", {"design": number, **marked[1]}))
        return self._saved(picture, planted, name, draws)

    def _hit(self, kind: str, name: str, draws: Draws) -> bool:
        return draws.of(kind, name).random() < float(getattr(self, kind))

    def _saved(self, picture: Image.Image, planted: list[Planted], name: str, draws: Draws) -> DirtyPicture | None:
        """Return the file: PNG, which keeps every pixel, but where a camera or compression had a hand in it."""
        tags, quality = Image.Exif(), 0
        if self._hit("rotation", name, draws):
            tags[_ORIENTATION] = draws.of("rotation of", name).choice(tuple(_TURNS))
            picture, quality = picture.transpose(_TURNS[tags[_ORIENTATION]]), _CAMERA_QUALITY
            planted.append(Planted("rotation", "image", {"orientation": tags[_ORIENTATION], "quality": quality}))
        if self._hit("jpeg", name, draws):
            quality = draws.of("jpeg of", name).choice(_QUALITIES[draws.pool])
            planted.append(Planted("jpeg", "image", {"quality": quality}))
        if not planted:
            return None
        file = io.BytesIO()
        if quality:
            picture.save(file, "JPEG", quality=quality, exif=tags)
        else:
            picture.save(file, "PNG", compress_level=_COMPRESSION)
        return DirtyPicture(file.getvalue(), ".jpg" if quality else ".png", tuple(planted))


def _on_white(picture: Image.Image) -> Image.Image:
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    white = Image.new("RGBA", picture.size, "white")
    return Image.alpha_composite(white, picture).convert("RGB")
