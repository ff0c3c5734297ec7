"""Flickr30k and COCO in Karpathy's JSON: the splits that papers report."""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xret._errors import UserError
from xret.data.domain import check_target, domain
from xret.data.faults import MediaRoot, OnError, RowError, check_on_error, clean_text, settle
from xret.data.manifest import Manifest, Rejected, Row

log = logging.getLogger(__name__)

_SPLITS = {"train": "train", "restval": "train", "val": "val", "test": "test"}


@dataclass(frozen=True)
class Karpathy:
    """``dataset_flickr30k.json`` or ``dataset_coco.json`` and a folder of images.

    One row per caption; the captions of an image are a group. All captions are kept, also where an image has more than
    five (the 5,000 test images of COCO have 25,010): the protocol takes as many as it counts. "restval" is training
    data, as in most papers. The file's SHA-256 and the images and captions per split go to the log.

    Source: Karpathy and Fei-Fei 2015, https://arxiv.org/abs/1412.2306 (sec. 4).

    Args:
        path: the JSON file.
        images: folder of the images; a name in the file is tried with and without its ``filepath``. By default the
            file's own folder.
        captions: each test image must have this many, or more.
        on_error: "skip" goes on without broken rows; "fail" does not.
        target: domain to adapt to: the path of a second file that is read like this one, or another source; null: none.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    path: str
    images: str | None = None
    captions: int = 5
    on_error: OnError = "skip"
    target: Any = None

    def __post_init__(self) -> None:
        if self.captions < 1:
            raise ValueError(f"captions must be at least 1, got {self.captions}")
        check_on_error(self.on_error)
        check_target(self.target)

    def target_domain(self) -> Any:  # noqa: ANN401 - any source
        """Return the domain to adapt to, or None."""
        return domain(self, "path", self.target)

    def load(self) -> Manifest:
        """Return the rows.

        Raises:
            UserError: the file cannot be read, or a test image has too few captions.
        """
        path = Path(self.path)
        root = path.parent if self.images is None else Path(self.images)
        if not root.is_dir():
            raise UserError(f"data.images must be the folder of the images, got {root}")
        name, images, digest = _read(path)
        media = MediaRoot(root)
        rows: list[Row] = []
        rejected: list[Rejected] = []
        for i, image in enumerate(images):
            try:
                rows.extend(_rows(i, image, media, rejected))
            except RowError as error:
                rejected.append(Rejected(_group(i, image), error.reason, error.detail))
        manifest = Manifest(name, tuple(rows), tuple(rejected), root)
        self._check_test(manifest)
        counts = {s: _count(manifest.split(s)) for s in ("train", "val", "test")}
        log.info("%s: %s; sha256 %s", path.name, ", ".join(f"{s} {text}" for s, text in counts.items()), digest)
        return settle(manifest, self.on_error)

    def _check_test(self, manifest: Manifest) -> None:
        counts = Counter(row.group for row in manifest.split("test").rows)
        poor = [group for group, count in counts.items() if count < self.captions]
        if poor:
            example = f"image {poor[0]} has {counts[poor[0]]}"
            raise UserError(
                f"{manifest.name}: {len(poor)} test images have fewer than {self.captions} captions ({example}); "
                f"mend the file, or set data.captions={min(counts.values())} if it is as it should be"
            )


def _read(path: Path) -> tuple[str, list[Any], str]:
    try:
        data = path.read_bytes()
        content = json.loads(data)
        images = content["images"]
        if not isinstance(images, list):
            raise TypeError("images is not a list")
        return str(content.get("dataset", path.stem)), images, hashlib.sha256(data).hexdigest()
    except OSError as error:
        raise UserError(f"data.path must be a dataset_*.json: {path}: {error.strerror}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UserError(f'{path} is not a file of Karpathy\'s splits ({{"images": [...]}}): {error!r}') from None


def _group(position: int, image: Any) -> str:  # noqa: ANN401 - whatever the file holds
    return str(image.get("imgid", position)) if isinstance(image, Mapping) else str(position)


def _rows(position: int, image: Any, media: MediaRoot, rejected: list[Rejected]) -> Iterable[Row]:  # noqa: ANN401
    """Yield a row per caption of one image; empty captions go to ``rejected``.

    Raises:
        RowError: the image as a whole cannot be used.
    """
    try:
        split, name, folder = _SPLITS[image["split"]], image["filename"], image.get("filepath", "")
        sentences = [str(sentence["raw"]) for sentence in image["sentences"]]
    except (KeyError, TypeError, AttributeError) as error:
        raise RowError("fields", f"not an image with filename, split and sentences: {error!r}") from None
    ref = _find(media, name, folder)
    group = _group(position, image)
    for k, sentence in enumerate(sentences):
        try:
            inputs = {"image": ref, "text": clean_text(sentence)}
        except RowError as error:
            rejected.append(Rejected(f"{group}.{k}", error.reason, error.detail))
            continue
        yield Row(f"{group}.{k}", group, inputs, split=split, lang="en", attributes={"filename": name})


def _find(media: MediaRoot, name: str, folder: str) -> str:
    try:
        return media.check(f"{folder}/{name}" if folder else name)
    except RowError as error:
        if not folder or error.reason != "missing":
            raise
    return media.check(name)


def _count(manifest: Manifest) -> str:
    return f"{len({row.group for row in manifest.rows}):,} images, {len(manifest.rows):,} captions"
