"""Drawings that are all different, and what happens to them on the way."""

import io

import numpy as np
import pytest
from PIL import Image, ImageDraw


def drawing(seed):
    """A white page with eight coloured shapes."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (160, 160), "white")
    pen = ImageDraw.Draw(picture)
    for _ in range(8):
        x, y = rng.integers(10, 110, 2).tolist()
        w, h = rng.integers(15, 50, 2).tolist()
        shape = pen.ellipse if rng.random() < 0.5 else pen.rectangle
        shape((x, y, x + w, y + h), fill=tuple(rng.integers(0, 256, 3).tolist()), outline="black", width=2)
    return picture


def changed(picture, kind):
    """A picture as others pass it on."""
    width, height = picture.size
    if kind == "resize":
        return picture.resize((70, 70), Image.Resampling.LANCZOS)
    if kind == "jpeg":
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=50)
        return Image.open(file).convert("RGB")
    if kind == "crop":
        return picture.crop((round(0.05 * width), round(0.02 * height), round(0.96 * width), round(0.95 * height)))
    if kind == "flip":
        return picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return changed(changed(changed(changed(picture, "crop"), "flip"), "resize"), "jpeg")


def thumbnail(picture):
    return np.asarray(picture.resize((64, 64), Image.Resampling.BICUBIC))


KINDS = ("resize", "jpeg", "crop", "flip", "all")


@pytest.fixture(scope="session")
def planted():
    """(60 + 5 * 12) thumbnails: drawings, then those with the numbers 0..59 mod 12 changed by each kind in turn."""
    drawings = [drawing(seed) for seed in range(60)]
    copies = [changed(drawings[12 * k + i], kind) for k, kind in enumerate(KINDS) for i in range(12)]
    return np.stack([thumbnail(picture) for picture in [*drawings, *copies]])
