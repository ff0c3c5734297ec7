"""Quality: pictures in which there is nothing to see."""

from dataclasses import dataclass

from PIL import Image

from xret.clean import Outcome

_STRIP_PX = 4_000_000  # so many are looked at in one go


@dataclass(frozen=True)
class Quality:
    """Leave out pictures that are tiny, of a single colour or fully transparent.

    A picture is blank when no channel varies by more than ``tolerance``, colours weighted by their opacity: what
    lies under full transparency is not seen. One pale line on white is something to see.

    Args:
        least_px: the shorter side of a picture that stays.
        tolerance: levels of 255 by which a single colour may vary, for the noise of JPEG.

    Raises:
        ValueError: least_px < 1, or tolerance is outside [0, 255).
    """

    least_px: int = 16
    tolerance: int = 3

    def __post_init__(self) -> None:
        if self.least_px < 1:
            raise ValueError(f"least_px must be at least 1, got {self.least_px}")
        if not 0 <= self.tolerance < 255:
            raise ValueError(f"tolerance must be in [0, 255), got {self.tolerance}")

    def __call__(self, picture: Image.Image) -> Outcome[Image.Image]:
        """Return the picture, or None in its place and why."""
        if min(picture.size) < self.least_px:
            return Outcome(None, f"tiny: {picture.width} x {picture.height} px")
        low, high = _range(picture)
        if max(b - a for a, b in zip(low, high, strict=True)) > self.tolerance:
            return Outcome(picture)
        if len(low) == 4 and high[3] <= self.tolerance:
            return Outcome(None, "fully transparent")
        return Outcome(None, "single colour #" + "".join(f"{(a + b) // 2:02x}" for a, b in zip(low, high, strict=True)))


def _range(picture: Image.Image) -> tuple[list[int], list[int]]:
    """Return the least and the greatest value of each channel, colours multiplied by opacity."""
    width, height = picture.size
    rows = max(1, _STRIP_PX // width)
    low = [255] * len(picture.getbands())
    high = [0] * len(low)
    for top in range(0, height, rows):
        strip = picture.crop((0, top, width, min(top + rows, height)))
        strip = strip.convert("RGBa") if strip.mode == "RGBA" else strip
        extrema = [band.getextrema() for band in strip.split()]
        low = [min(a, int(e[0])) for a, e in zip(low, extrema, strict=True)]  # type: ignore[arg-type]
        high = [max(b, int(e[1])) for b, e in zip(high, extrema, strict=True)]  # type: ignore[arg-type]
    return low, high
