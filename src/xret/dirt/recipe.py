"""A recipe: which kinds of dirt are planted, in which splits, from which half of the pools."""

from collections.abc import Sequence

from xret.dirt.captions import Captions
from xret.dirt.draws import Draws
from xret.dirt.images import Images
from xret.dirt.labels import Labels
from xret.dirt.swapped import Swapped

_SPLITS = ("train", "val", "test")


class Recipe:
    """Kinds of dirt, each at most once; a None leaves one out.

    Args:
        captions: what is planted in texts.
        images: what is planted in pictures.
        labels: what is planted in attributes.
        swapped: which pairs exchange a partner; they do before anything else is planted.
        pool: half of all pools that is drawn from: seen while a cleaner is developed, unseen when it is measured.
        splits: whose rows get dirty: [train] alone, or all.
        seed: another one gives other dirt.

    Raises:
        ValueError: nothing is to be planted, or an argument is none of these.
    """

    def __init__(
        self,
        captions: Captions | None = None,
        images: Images | None = None,
        labels: Labels | None = None,
        swapped: Swapped | None = None,
        pool: str = "seen",
        splits: Sequence[str] = _SPLITS,
        seed: int = 0,
    ) -> None:
        if not (captions or images or labels or swapped):
            raise ValueError("dirt needs one of captions, images, labels and swapped")
        if not splits or not set(splits) <= set(_SPLITS):
            raise ValueError(f"splits must hold some of {', '.join(_SPLITS)}, got {list(splits)}")
        self.captions = captions
        self.images = images
        self.labels = labels
        self.swapped = swapped
        self.splits = tuple(splits)
        self.draws = Draws(seed, pool)
