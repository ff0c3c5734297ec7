"""Swapped partners: a share of the pairs exchange their texts among each other."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Swap:
    """Draw a share of the pairs and deal their texts (or images) out anew, none of them to its own group.

    There are two flavours in the literature. NCR draws pairs: of five captions of an image two may be swapped while
    three stay. DECL draws images and moves all captions of one together. This is the first. Both shuffle without a
    look at where a text lands, so that some stay true and the real share is a little smaller; here it is exact.

    Source: Huang et al. 2021, Learning with Noisy Correspondence for Cross-modal Matching, NeurIPS (sec. 4.1, and
    ``NCR/data.py`` of XLearning-SCU/2021-NeurIPS-NCR at 3ae6fa2); the other flavour: Qin et al. 2022, DECL, ACM
    Multimedia (``data.py`` of QinYang79/DECL at b704bdc).

    Args:
        share: of the pairs, in (0, 1].
        what: modality that is swapped.
        seed: of the draw, apart from that of the training.

    Raises:
        ValueError: share is outside (0, 1], or seed is negative.
    """

    share: float = 0.2
    what: str = "text"
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"share must be in (0, 1], got {self.share}; noise=none leaves the pairs as they are")
        if self.seed < 0:
            raise ValueError(f"seed must not be negative, got {self.seed}")

    def __call__(self, groups: np.ndarray) -> np.ndarray:
        """Return the pair whose partner each pair is given.

        Args:
            groups: (N,) int64.

        Returns:
            (N,) int64, a permutation that moves exactly ``round(share * N)`` pairs, each to another group.

        Raises:
            ValueError: less than two pairs are drawn, or more than half of them are of one group.
        """
        rng = np.random.default_rng(self.seed)
        chosen = rng.permutation(len(groups))[: round(self.share * len(groups))]
        largest = int(np.unique(groups[chosen], return_counts=True)[1].max()) if len(chosen) else 0
        if len(chosen) < 2 or 2 * largest > len(chosen):
            raise ValueError(
                f"a swap needs at least two pairs, at most half of them of one group; {len(chosen)} of {len(groups)} "
                f"are drawn, {largest} of one group: raise noise.share, or try another noise.seed"
            )
        source = np.arange(len(groups))
        source[chosen] = _apart(groups, chosen, rng)
        return source


def _apart(groups: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return ``chosen`` in random order, so that no place holds a pair of its own group.

    Each exchange settles a place and unsettles none; a partner for it exists while no group holds more than half.
    """
    dealt = chosen[rng.permutation(len(chosen))]
    own, given = groups[chosen], groups[dealt]
    for i in np.flatnonzero(own == given):
        if own[i] == given[i]:
            j = rng.choice(np.flatnonzero((own != own[i]) & (given != own[i])))
            dealt[i], dealt[j] = dealt[j], dealt[i]
            given[i], given[j] = given[j], given[i]
    return dealt
