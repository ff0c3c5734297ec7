"""A policy: which operations, on how many training items, from which epoch on."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, TypeVar

import numpy as np

from xret.augmentation._checks import check_share
from xret.augmentation.text._words import changed

Operation = Callable[[Any, np.random.Generator], Any]
Chosen = TypeVar("Chosen")


class PairOperation(Protocol):
    """Makes one pair of two, see `xret.augmentation.pairs`."""

    p: float

    def image(self, a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return one picture of two."""

    def text(self, a: str, b: str, rng: np.random.Generator) -> str:
        """Return one caption of two."""


class Policy:
    """Operations by what they change, and how often they do.

    ``Policy(text={"swap": Swap()}).change("text", "a small dog", np.random.default_rng(0))``

    Args:
        text: name -> operation on captions, in the order in which they are applied; None in its place leaves one out.
        image: name -> operation on pictures, likewise.
        pairs: name -> operation on two pairs, of which at most one is applied to a pair.
        share: of the training items, how many are changed at full strength, in [0, 1]; the others stay as they are. A
            pair operation has its own ``p`` of the pairs.
        ramp_epochs: strength rises evenly over so many epochs, from the first step to full; 0: full from the start.
        views: for a frozen encoder with stored features, how many changed versions of each item are made and stored
            beside it; null: none, it reads and encodes at each step.
        seed: of the stored versions. It is not the run's, so that runs of several seeds share them.
        start: let a start in closed form see the stored versions beside the items.

    Raises:
        ValueError: there is no operation, or an argument is outside what is stated here.
    """

    def __init__(
        self,
        text: Mapping[str, Operation | None] | None = None,
        image: Mapping[str, Operation | None] | None = None,
        pairs: Mapping[str, PairOperation | None] | None = None,
        share: float = 0.5,
        ramp_epochs: int = 0,
        views: int | None = 4,
        seed: int = 0,
        start: bool = False,
    ) -> None:
        self.operations = {"text": _chosen(text), "image": _chosen(image)}
        self.pairs = _chosen(pairs)
        if not any(self.operations.values()) and not self.pairs:
            raise ValueError("augmentation needs an operation under text, image or pairs; augmentation=none has none")
        check_share("share", share)
        if sum(operation.p for operation in self.pairs) > 1:
            raise ValueError("the p of all pair operations must not add up to more than 1: a pair is mixed once")
        if ramp_epochs < 0 or (views is not None and views < 1):
            raise ValueError(
                f"need ramp_epochs of at least 0 and views of at least 1 or null, got {ramp_epochs} and {views}"
            )
        self.share, self.ramp_epochs, self.views, self.seed, self.start = share, ramp_epochs, views, seed, start

    def strength(self, epoch: int) -> float:
        """Return the strength in an epoch, counted from 0: (epoch + 1) / (ramp_epochs + 1), at most 1."""
        return min(1.0, (epoch + 1) / (self.ramp_epochs + 1))

    def changes(self, modality: str) -> Sequence[Operation]:
        """Return the operations on a modality."""
        return self.operations.get(modality, ())

    def change(self, modality: str, item: Any, rng: np.random.Generator) -> Any:  # noqa: ANN401 - a text or a picture
        """Return an item after all operations on its modality."""
        for operation in self.changes(modality):
            item = operation(item, rng)
        return item

    def mix(
        self,
        number: int,
        modality: str,
        a: Any,  # noqa: ANN401 - a text or a picture
        b: Any,  # noqa: ANN401 - of the same kind
        rng: np.random.Generator,
    ) -> Any:  # noqa: ANN401 - of the same kind
        """Return what the pair operation of a number makes of two items of a modality."""
        return getattr(self.pairs[number], modality)(a, b, rng)

    @staticmethod
    def words_changed(before: str, after: str) -> int:
        """Return how many words of a caption are other ones."""
        return changed(before, after)


def _chosen(operations: Mapping[str, Chosen | None] | None) -> tuple[Chosen, ...]:
    """Return the operations that are not switched off."""
    return tuple(operation for operation in (operations or {}).values() if operation is not None)
