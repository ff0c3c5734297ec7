"""Random deletion: every word may be left out, but something to go by stays."""

from dataclasses import dataclass

import numpy as np

from xret.augmentation._checks import check_share
from xret.augmentation.text._words import split


@dataclass(frozen=True)
class Delete:
    """Leave out each word with a probability of ``share``; never the last content word, never a special token.

    ``Delete()("a small dog on a bicycle", np.random.default_rng(0))``

    Where all content words would go, one of them, drawn at random, stays; in a text of function words alone, one of
    those.

    Source: Wei and Zou 2019, EDA, https://arxiv.org/abs/1901.11196 (sec. 2, RD).

    Args:
        share: probability that a word goes, in [0, 1].
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
        """Return the shorter text."""
        if rng.random() >= self.p:
            return text
        cut = split(text)
        gone = set(np.flatnonzero(rng.random(len(cut.words)) < self.share).tolist())
        needed = cut.content() or list(range(len(cut.words)))
        if needed and gone.issuperset(needed):
            gone.remove(needed[rng.integers(len(needed))])
        for place in sorted(gone, reverse=True):
            cut.delete(place)
        return str(cut)
