"""Half transparent writing over a picture, once or tiled: the mark of a shop, the same on all its pictures."""

import random
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distribution

from PIL import Image, ImageChops, ImageDraw, ImageFont

from xret.dirt._pools import DOMAINS, NAMES

_FONTS = {  # of matplotlib; "" is that of Pillow
    "seen": ("DejaVuSans", "DejaVuSans-Bold", "DejaVuSerif-Italic", "STIXGeneral", "STIXGeneralBol", "cmss10"),
    "unseen": ("", "DejaVuSansMono-Bold", "DejaVuSerif-Bold", "STIXGeneralBolIta", "cmr10", "cmb10"),
}
_WORDS = {
    "seen": ("{site}", "www.{site}", "(c) {name}", "{name}", "SAMPLE", "{name} PHOTO"),
    "unseen": ("{site}/shop", "{name} Images", "@{name}", "PREVIEW", "Property of {name}", "{name} - do not copy"),
}
# left share, top share of what the mark leaves free; None: tiled
_PLACES: dict[str, tuple[tuple[float, float] | None, ...]] = {
    "seen": ((0.5, 0.5), (0.97, 0.97), (0.04, 0.04), (0.5, 0.93), None, None),
    "unseen": ((0.5, 0.4), (0.03, 0.95), (0.95, 0.05), (0.5, 0.8), None, None),
}
_ANGLES_DEG = {"seen": (0, 0, 30, 45), "unseen": (0, 0, 25, -35)}
_OPACITIES = {"seen": (0.20, 0.28, 0.36, 0.44, 0.52, 0.60), "unseen": (0.24, 0.32, 0.40, 0.48, 0.56)}
_COLOURS = {"seen": ("#000000", "#404040", "#ffffff"), "unseen": ("#181818", "#303030", "#f4f4f4")}
_WIDTHS = {"seen": (0.3, 0.45, 0.6), "unseen": (0.36, 0.52, 0.7)}  # of the mark, as a share of that of the picture
_TILE_WIDTHS = {"seen": (0.2, 0.32), "unseen": (0.25, 0.38)}
_LEAST_PX = 8  # of letters
_REFERENCE_PX = 100


@dataclass(frozen=True, slots=True)
class Mark:
    """A watermark as a shop has designed it; on each picture it is as wide as its share says.

    Attributes:
        text: what is written.
        font: file of matplotlib's fonts without its ending, or "".
        colour: of the letters; bright ones have a dark shadow, without which none would see them on white.
        opacity: of the letters where they are thick enough to cover a pixel.
        place: share of the free room left and above of it; None: tiled.
        angle_deg: how far it is turned.
        width: of the text, as a share of the picture's.
    """

    text: str
    font: str
    colour: str
    opacity: float
    place: tuple[float, float] | None
    angle_deg: int
    width: float

    def on(self, picture: Image.Image) -> tuple[Image.Image, dict[str, object]] | None:
        """Return an RGB picture with the mark, and what was planted; None where no pixel differs."""
        letters = self._letters(picture.width)
        whole = Image.new("L", picture.size, 0)
        for at in self._places(letters.size, picture.size):
            whole.paste(255, at, letters)
        result = picture
        if self.colour > "#8":
            drop = max(1, letters.height // 30)
            result = self._laid(result, "#000000", ImageChops.subtract(_moved(whole, drop), whole))
        result = self._laid(result, self.colour, whole)
        box = ImageChops.difference(result, picture).getbbox()
        if box is None:
            return None
        facts = {"text": self.text, "font": self.font, "colour": self.colour, "opacity": self.opacity}
        return result, {**facts, "tiled": self.place is None, "angle_deg": self.angle_deg, "box": box}

    def _laid(self, picture: Image.Image, colour: str, shape: Image.Image) -> Image.Image:
        mask = shape.point(lambda level: round(level * self.opacity))
        return Image.composite(Image.new("RGB", picture.size, colour), picture, mask)

    def _letters(self, picture_px: int) -> Image.Image:
        """Return the mask of the turned text, cut to what is written."""
        _, _, reference, _ = _font(self.font, _REFERENCE_PX).getbbox(self.text)
        size_px = max(_LEAST_PX, round(_REFERENCE_PX * self.width * picture_px / reference))
        font = _font(self.font, size_px)
        left, top, right, bottom = (round(n) for n in font.getbbox(self.text))
        letters = Image.new("L", (right - left + 2, bottom - top + 2), 0)
        ImageDraw.Draw(letters).text((1 - left, 1 - top), self.text, fill=255, font=font)
        turned = letters.rotate(self.angle_deg, Image.Resampling.BICUBIC, expand=True)
        return turned.crop(turned.getbbox())

    def _places(self, mark: tuple[int, int], picture: tuple[int, int]) -> list[tuple[int, int]]:
        if self.place is not None:
            left, top = (round((p - m) * share) for p, m, share in zip(picture, mark, self.place, strict=True))
            return [(left, top)]
        across, down = round(mark[0] * 1.35), round(max(mark[1] * 1.8, mark[0] * 0.6))
        return [
            (x - (across // 2) * (row % 2), y)
            for row, y in enumerate(range(0, picture[1], down))
            for x in range(0, picture[0] + across, across)
        ]


def design(pool: str, rng: random.Random) -> Mark:
    """Return a mark whose text, font, place, opacity, ... are drawn from a pool."""
    name = rng.choice(NAMES[pool])
    text = rng.choice(_WORDS[pool]).format(name=name, site=name.lower() + rng.choice(DOMAINS[pool]))
    place = rng.choice(_PLACES[pool])
    return Mark(
        text,
        font=rng.choice(_FONTS[pool]),
        colour=rng.choice(_COLOURS[pool]),
        opacity=rng.choice(_OPACITIES[pool]),
        place=place,
        angle_deg=rng.choice(_ANGLES_DEG[pool]) if place in (None, (0.5, 0.5), (0.5, 0.4)) else 0,
        width=rng.choice((_WIDTHS if place else _TILE_WIDTHS)[pool]),
    )


@cache
def _font(name: str, size_px: int) -> ImageFont.FreeTypeFont:
    if not name:
        font = ImageFont.load_default(size_px)
        assert isinstance(font, ImageFont.FreeTypeFont)
        return font
    path = distribution("matplotlib").locate_file(f"matplotlib/mpl-data/fonts/ttf/{name}.ttf")  # no import: it is slow
    return ImageFont.truetype(str(path), size_px)


def _moved(shape: Image.Image, by: int) -> Image.Image:
    moved = Image.new("L", shape.size, 0)
    moved.paste(shape, (by, by))
    return moved
