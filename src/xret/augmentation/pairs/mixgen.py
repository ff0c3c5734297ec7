"""MixGen: two pictures laid over each other, their captions one behind the other."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share


@dataclass(frozen=True)
class MixGen:
    """Interpolate two pictures and join their captions.

    ``MixGen().image(a, b, rng), MixGen().text("a dog", "a cat", rng)``

    Source: Hao et al. 2023, MixGen, https://arxiv.org/abs/2206.08358 (sec. 3, eq. 1 and algorithm 1; ratio 0.5). There
    the first quarter of a batch is mixed with what follows it, and a mixed pair is a negative of its sources; here a
    pair is mixed with a random one of the training split, and it is a negative of neither.

    Args:
        ratio: how much of the first picture there is, in (0, 1).
        p: probability that a pair is mixed, in [0, 1].

    Raises:
        ValueError: ratio or p is outside what is stated here.
    """

    ratio: float = 0.5
    p: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.ratio < 1:
            raise ValueError(f"ratio must be in (0, 1), got {self.ratio}")
        check_share("p", self.p)

    def image(self, a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Return ratio * a + (1 - ratio) * b, (3, H, W) uint8, rounded."""
        mixed = self.ratio * a.astype(np.float32) + (1 - self.ratio) * b.astype(np.float32)
        return mixed.round().astype(np.uint8)

    def text(self, a: str, b: str, rng: np.random.Generator) -> str:
        """Return the first caption, a space, and the second."""
        return f"{a} {b}"
