"""Dirt planted in pictures: each file read in its own size, written once, shown by all rows that hold it."""

import hashlib
import io
import logging
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

    from xret.dirt import Planted
    from xret.dirt.recipe import Recipe

log = logging.getLogger(__name__)

_DRAWING_PX = 512  # longer side of a drawing (SVG), which has no pixels of its own
_REPORT_S = 10.0  # between two lines of progress where no one watches


@dataclass
class Soiled:
    """What became of pictures.

    Attributes:
        files: reference of a picture -> its dirty file, relative to the folder.
        planted: the same -> what was planted in it.
        lost: pictures that cannot be read.
    """

    files: dict[str, str] = field(default_factory=dict)
    planted: dict[str, list["Planted"]] = field(default_factory=dict)
    lost: int = 0


def soil(recipe: "Recipe", refs: Iterable[str], root: Path, folder: Path) -> Soiled:
    """Write dirty pictures below ``folder/images``, one after the other.

    Args:
        recipe: with images.
        refs: of the pictures, relative to the root; each counts once.
        root: folder of the pictures.
        folder: to write to.
    """
    from xret.data.reading import BrokenMedia

    assert recipe.images is not None
    found = Soiled()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    for ref in _watched([ref for ref in dict.fromkeys(refs) if recipe.images.wants(ref, recipe.draws)]):
        try:
            picture = recipe.images(opened(root, ref), ref, recipe.draws)
        except BrokenMedia as error:
            log.debug("%s: %s", ref, error)
            found.lost += 1
            continue
        if picture is not None:
            found.files[ref] = f"images/{_file_name(ref)}{picture.suffix}"
            (folder / found.files[ref]).write_bytes(picture.data)
            found.planted[ref] = [replace(one, before=ref, after=found.files[ref]) for one in picture.planted]
    return found


def _file_name(ref: str) -> str:
    """Return a name that tells what is shown, and by a hash of the whole reference is that of no other."""
    stem = PurePosixPath(ref.partition("#")[0]).stem
    return f"{stem[:60]}-{hashlib.sha256(ref.encode()).hexdigest()[:10]}"


def opened(root: Path, ref: str) -> "Image.Image":
    """Return a picture upright and in its own size, RGB or RGBA; a drawing as large as is looked at.

    Raises:
        BrokenMedia: it cannot be read, or is not safe to.
    """
    from PIL import Image, ImageOps

    from xret.data import svg
    from xret.data.manifest import media_path
    from xret.data.reading import read_image

    path, layer = media_path(root, ref), ref.partition("#")[2]
    read_image(path, layer, 32, "squash")  # refuses whatever is broken, too large or not safe
    data = path.read_bytes()
    if data.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"<"):
        drawing = svg.parse(data, lambda _: None)
        if layer == "line":
            svg.keep_lines(drawing)
        return Image.open(io.BytesIO(svg.draw(drawing, _DRAWING_PX, _DRAWING_PX))).convert("RGBA")
    picture = ImageOps.exif_transpose(Image.open(io.BytesIO(data)))
    return picture.convert("RGBA" if picture.has_transparency_data else "RGB")


def _watched(refs: Sequence[str]) -> Iterator[str]:
    """Pass references on; show rate and time left as a bar on a terminal, else as a line every few seconds."""
    from tqdm import tqdm

    if sys.stderr.isatty():
        yield from tqdm(refs, desc="dirtying pictures", unit="", leave=False)
        return
    begin = said = time.monotonic()
    for done, ref in enumerate(refs, start=1):
        yield ref
        now = time.monotonic()
        if now - said >= _REPORT_S and done < len(refs):
            said, rate = now, done / (now - begin)
            left_s = (len(refs) - done) / rate
            log.info("pictures: %d of %d, %.0f/s, %.0f s left", done, len(refs), rate, left_s)
