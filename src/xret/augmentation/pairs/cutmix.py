"""CutMix: a rectangle of one picture stands in another."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share


@dataclass(frozen=True)
class CutMix:
    """Replace a rectangle of a picture by the same rectangle of another; the caption stays.

    ``CutMix().image(a, b, rng)``

    Source: Yun et al. 2019, CutMix, https://arxiv.org/abs/1905.04899 (sec. 3.1, eq. 1 and 2). There the label is mixed
    as the area is. Here the caption stays that of the larger part, and the mixed pair is neither right nor wrong for
    the caption of the other; so the rectangle covers less than half.

    Args:
        most: largest share of the area that is replaced, in (0, 0.5]; it is drawn evenly from (0, most].
        p: probability that a pair is mixed, in [0, 1].

    Raises:
        ValueError: most or p is outside what is stated here.
    """

    most: float = 0.4
    p: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.most <= 0.5:
            raise ValueError(f"most must be in (0, 0.5]: the first picture must stay the larger part, got {self.most}")
        check_share("p", self.p)

    def image(self, a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return a picture (3, H, W) uint8: a with a rectangle of b, of a's proportions, wholly inside."""
        _, height, width = a.shape
        side = np.sqrt(self.most * rng.random())
        rows, columns = max(1, int(height * side)), max(1, int(width * side))
        top, left = rng.integers(height - rows + 1), rng.integers(width - columns + 1)
        mixed = a.copy()
        mixed[:, top : top + rows, left : left + columns] = b[:, top : top + rows, left : left + columns]
        return mixed

    def text(self, a: str, b: str, rng: np.random.Generator) -> str:
        """Return the first caption."""
        return a
