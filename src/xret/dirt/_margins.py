"""Uniform margins around a picture, and where its subject then is."""

import random

from PIL import Image, ImageChops

# where the picture stands between its margins: left share, top share, and whether only its shorter side gets some
_PLACES = {
    "seen": (
        *((0.5, 0.5, False), (0.5, 0.5, False), (0.5, 0.3, False), (0.28, 0.5, False), (0.2, 0.75, False)),
        (0.5, 0.5, True),
    ),
    "unseen": (
        *((0.46, 0.54, False), (0.54, 0.46, False), (0.5, 0.66, False), (0.7, 0.5, False), (0.8, 0.25, False)),
        (0.45, 0.55, True),
    ),
}
_COLOURS = {  # white and pale ones first, twice as likely as the others
    "seen": (
        *("#ffffff", "#fafafa", "#f5f5f5", "#f7f3ea", "#eef4f8", "#fdf6f6", "#f2efe6", "#e9e9e9"),
        *("#000000", "#1a1a1a", "#d32f2f", "#1976d2", "#388e3c", "#fbc02d", "#7b1fa2", "#ff8a65"),
        *("#90a4ae", "#5d4037", "#c8e6c9", "#ffccdd"),
    ),
    "unseen": (
        *("#fefefe", "#fcfcfc", "#f0f0f0", "#faf0e6", "#e8f1f2", "#fff5ee", "#f4f1de", "#dedede"),
        *("#0a0a0a", "#2b2b2b", "#b00020", "#00639c", "#2f6f4e", "#e0a100", "#5c2a9d", "#ef6c57"),
        *("#78909c", "#4e342e", "#b2dfdb", "#f3c6d8"),
    ),
}
_PALE = 8


def framed(
    picture: Image.Image, pool: str, rng: random.Random, least: float, most: float, max_px: int
) -> tuple[Image.Image, dict[str, object]] | None:
    """Return a picture within margins, made smaller where it would be too large, and what was planted.

    The true box holds every pixel that is not of the margins' colour: of a cut-out on nothing its outline, of a
    photograph all of it. None where no pixel is.

    Args:
        picture: RGB or RGBA; what is transparent shows the colour of the margins.
        pool: of colours and places.
        rng: what decides.
        least: of the width or height that is margin, as a share of that of the result; smallest.
        most: likewise, largest.
        max_px: of the longer side of the result.

    Returns:
        RGB; and colour, ``frame`` (where the picture was put) and ``box`` (where its subject is), both left, top,
        right, bottom in pixels of the result.
    """
    *place, squarer = rng.choice(_PLACES[pool])
    colour = rng.choice(_COLOURS[pool][: _PALE if rng.random() < 0.5 else None])
    shares = [rng.uniform(least, most) for _ in place]
    if squarer:
        shares[int(picture.width < picture.height)] = 0.0
    sides = [side / (1 - share) for side, share in zip(picture.size, shares, strict=True)]
    scale = min(1.0, max_px / max(sides))
    if scale < 1:
        size = (max(1, round(picture.width * scale)), max(1, round(picture.height * scale)))
        picture = picture.resize(size, Image.Resampling.BICUBIC)
    whole = tuple(max(part, round(side * scale)) for part, side in zip(picture.size, sides, strict=True))
    at = [
        round((side - part) * (share + rng.uniform(-0.05, 0.05)))
        for share, side, part in zip(place, whole, picture.size, strict=True)
    ]
    plain = Image.new("RGB", (whole[0], whole[1]), colour)
    result = plain.copy()
    result.paste(picture, (at[0], at[1]), picture if picture.mode == "RGBA" else None)
    box = ImageChops.difference(result, plain).getbbox()
    if box is None:
        return None
    frame = (at[0], at[1], at[0] + picture.width, at[1] + picture.height)
    return result, {"colour": colour, "frame": frame, "box": box}
