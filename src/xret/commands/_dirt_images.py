"""Dirt planted in pictures: each file read in its own size, written once, shown by all rows that hold it."""

import hashlib
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from multiprocessing import get_context
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, TypeVar

from xret.data.manifest import media_path
from xret.data.reading import BrokenMedia, read_whole
from xret.data.watching import watched

if TYPE_CHECKING:
    from xret.dirt import Planted
    from xret.dirt.draws import Draws
    from xret.dirt.images import Images
    from xret.dirt.recipe import Recipe

log = logging.getLogger(__name__)

T = TypeVar("T")

_DRAWING_PX = 512  # longer side of a drawing (SVG), which has no pixels of its own
_CHUNK = 8  # pictures that a process takes at a time


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


def soil(recipe: "Recipe", refs: Iterable[str], root: Path, folder: Path, workers: int = 0) -> Soiled:
    """Write dirty pictures below ``folder/images``.

    Args:
        recipe: with images.
        refs: of the pictures, relative to the root; each counts once.
        root: folder of the pictures.
        folder: to write to.
        workers: processes that read and write them; 0 does it in this one.
    """
    assert recipe.images is not None
    found = Soiled()
    (folder / "images").mkdir(parents=True, exist_ok=True)
    wanted = [ref for ref in dict.fromkeys(refs) if recipe.images.wants(ref, recipe.draws)]
    one = partial(_one, recipe.images, recipe.draws, root, folder)
    for ref, file, planted in watched(_mapped(one, wanted, workers), len(wanted), "dirtying pictures", lambda _: 1):
        if file is None:
            found.lost += 1
        elif planted:
            found.files[ref], found.planted[ref] = file, planted
    return found


def _one(
    images: "Images", draws: "Draws", root: Path, folder: Path, ref: str
) -> tuple[str, str | None, list["Planted"]]:
    """Write one dirty picture; return its reference, its file, None where it cannot be read, and what was planted."""
    try:
        picture = images(read_whole(media_path(root, ref), ref.partition("#")[2], _DRAWING_PX), ref, draws)
    except BrokenMedia as error:
        log.debug("%s: %s", ref, error)
        return ref, None, []
    if picture is None:
        return ref, "", []
    file = f"images/{_file_name(ref)}{picture.suffix}"
    (folder / file).write_bytes(picture.data)
    return ref, file, [replace(one, before=ref, after=file) for one in picture.planted]


def _mapped(one: Callable[[str], T], refs: Sequence[str], workers: int) -> Iterator[T]:
    """Yield what a function makes of each reference, in order."""
    if not workers:
        yield from map(one, refs)
        return
    pool = ProcessPoolExecutor(workers, get_context("spawn"))  # a fork would take the threads' locks along
    try:
        yield from pool.map(one, refs, chunksize=_CHUNK)
    finally:
        pool.shutdown(cancel_futures=True)  # Ctrl-C waits for no more than what has begun


def _file_name(ref: str) -> str:
    """Return a name that tells what is shown, and by a hash of the whole reference is that of no other."""
    stem = PurePosixPath(ref.partition("#")[0]).stem
    return f"{stem[:60]}-{hashlib.sha256(ref.encode()).hexdigest()[:10]}"
