"""The protocols of Flickr30k and COCO: a fixed number of images, a fixed number of captions for each."""

from dataclasses import dataclass
from typing import ClassVar, Protocol, runtime_checkable

import numpy as np

from xret._errors import UserError
from xret.protocol import ItemsLike, Split, Task
from xret.protocol._relevance import by_group, task_between


@runtime_checkable
class Counted(Protocol):
    """Items that know how many rows of the data hold each of them."""

    @property
    def counts(self) -> np.ndarray:
        """(N,) int64, at least 1."""


@dataclass(frozen=True)
class Karpathy:
    """Folds of ``images`` images by position, each with its first ``captions_per_image`` captions.

    Further captions are left aside: COCO's 5,000 test images carry 25,010. A wording that an image carries twice counts
    twice, as in the published files, where the items are `Counted`. Folds are disjoint and in the order of the data;
    figures of different gallery sizes do not compare.

    Source: Karpathy and Fei-Fei 2015, https://arxiv.org/abs/1412.2306 (sec. 4.1); five folds of 1,000 images as in
    Faghri et al. 2018, VSE++, https://arxiv.org/abs/1707.05612 (sec. 4).

    Args:
        images: images in a fold.
        captions_per_image: captions of each image.
        folds: how many; the split must have exactly ``folds * images`` images.

    Raises:
        ValueError: a number is below 1.
    """

    split: ClassVar[str] = "test"  # Flickr30k has 1,014 images to validate on

    images: int
    captions_per_image: int = 5
    folds: int = 1

    def __post_init__(self) -> None:
        if min(self.images, self.captions_per_image, self.folds) < 1:
            raise ValueError(
                "images, captions_per_image and folds must be at least 1, "
                f"got {self.images}, {self.captions_per_image} and {self.folds}"
            )

    def __call__(self, items: Split) -> list[Task]:
        """Return text to image and image to text, for each fold.

        Args:
            items: must hold "text" and "image".

        Raises:
            UserError: a modality is missing, the number of images is another, two images share a group, or an image
                has too few captions.
        """
        if not {"text", "image"} <= items.keys():
            raise UserError(f"this protocol needs items of text and image, got {sorted(items)}")
        texts, images = items["text"], items["image"]
        captions = self._captions(texts, images)
        tasks = []
        for fold in range(self.folds):
            pictures = np.arange(fold * self.images, (fold + 1) * self.images)
            words = captions[pictures].ravel()
            for query, target, asked, ranked in (
                (texts, images, words, pictures),
                (images, texts, pictures, words),
            ):
                relevance = by_group(query.groups[asked], target.groups[ranked])
                tasks.append(task_between(query, target, asked, ranked, relevance, fold))
        return tasks

    def _captions(self, texts: ItemsLike, images: ItemsLike) -> np.ndarray:
        """Return (images, captions_per_image) int64, positions in ``texts``."""
        expected = self.folds * self.images
        if len(images) != expected:
            raise UserError(f"this protocol needs a split of exactly {expected} images, got {len(images)}")
        if len(np.unique(images.groups)) != expected:
            raise UserError("this protocol needs one image per group, got a group with several")
        rows = _occurrences(texts)
        offsets, columns, _ = by_group(images.groups, texts.groups[rows])
        counts = np.diff(offsets)
        if counts.min() < self.captions_per_image:
            worst = int(counts.argmin())
            raise UserError(
                f"this protocol needs {self.captions_per_image} captions for each image, "
                f"got {counts[worst]} for {images.refs[worst]}"
            )
        first: np.ndarray = rows[columns[offsets[:-1, None] + np.arange(self.captions_per_image)]]
        return first


def _occurrences(texts: ItemsLike) -> np.ndarray:
    """Return the position of each caption, one that several rows hold as often as they do."""
    return np.repeat(np.arange(len(texts)), texts.counts) if isinstance(texts, Counted) else np.arange(len(texts))
