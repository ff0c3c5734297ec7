"""Random swap: words change places."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share
from xret.augmentation.text._words import how_many, split


@dataclass(frozen=True)
class Swap:
    """Let two random words change places, n times.

    ``Swap()("a small dog on a bicycle", np.random.default_rng(0))``

    Source: Wei and Zou 2019, EDA, https://arxiv.org/abs/1901.11196 (sec. 2, RS).

    Args:
        share: n as a share of the text's words, at least one swap; in [0, 1].
        p: probability that a text is touched, in [0, 1].

    Raises:
        ValueError: share or p is outside [0, 1].
    """

    share: float = 0.1
    p: float = 0.5

    def __post_init__(self) -> None:
        check_share("share", self.share)
        check_share("p", self.p)

    def __call__(self, text: str, rng: np.random.Generator) -> str:
        """Return the text in another order; as it is where it has fewer than two words."""
        if rng.random() >= self.p:
            return text
        cut = split(text)
        if len(cut.words) < 2:
            return text
        for _ in range(how_many(self.share, len(cut.words))):
            i, j = rng.choice(len(cut.words), size=2, replace=False)
            cut.words[i], cut.words[j] = cut.words[j], cut.words[i]
        return str(cut)
