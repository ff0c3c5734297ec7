"""A recipe: which steps clean a data set, in which order."""

from collections.abc import Callable, Mapping
from typing import Any

KINDS = ("text", "image", "labels", "pairs")

Step = Callable[[Any], Any]


class Recipe:
    """Steps by what they work on; see `xret.clean` for what a step is.

    ``Recipe(text={"symbols": Symbols()}).steps("text")``

    Args:
        text: name -> step on captions, in the order in which they are applied; None in its place leaves one out.
        image: name -> step on pictures, likewise.
        labels: name -> step on values of attributes, likewise.
        pairs: name -> step on rows, likewise.

    Raises:
        ValueError: no step is left, or two have one name.
    """

    def __init__(
        self,
        text: Mapping[str, Step | None] | None = None,
        image: Mapping[str, Step | None] | None = None,
        labels: Mapping[str, Step | None] | None = None,
        pairs: Mapping[str, Step | None] | None = None,
    ) -> None:
        given = zip(KINDS, (text, image, labels, pairs), strict=True)
        self._steps = {kind: {n: s for n, s in (steps or {}).items() if s is not None} for kind, steps in given}
        names = [name for steps in self._steps.values() for name in steps]
        if not names:
            raise ValueError("clean needs a step under text, image, labels or pairs")
        if double := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two steps have the name {', '.join(sorted(double))}; a change is traced by it")

    def steps(self, kind: str) -> dict[str, Step]:
        """Return name -> step of a kind, in their order."""
        return self._steps[kind]
