"""Resize: a budget of pixels."""

from dataclasses import dataclass

from PIL import Image

from xret.clean import Outcome


@dataclass(frozen=True)
class Resize:
    """Make a picture smaller where its longer side is above a budget; never larger.

    Lanczos resampling, colours weighted by opacity, so that what lies under transparency does not bleed.

    Args:
        image_px: the longer side at most.

    Raises:
        ValueError: image_px < 1.
    """

    image_px: int = 1024

    def __post_init__(self) -> None:
        if self.image_px < 1:
            raise ValueError(f"image_px must be at least 1, got {self.image_px}")

    def __call__(self, picture: Image.Image) -> Outcome[Image.Image]:
        """Return the picture with its longer side at most image_px."""
        longer = max(picture.size)
        if longer <= self.image_px:
            return Outcome(picture)
        width, height = (max(1, round(side * self.image_px / longer)) for side in picture.size)
        small = picture.resize((width, height), Image.Resampling.LANCZOS, reducing_gap=3.0)
        return Outcome(small, f"{picture.width} x {picture.height} px made {width} x {height}")
