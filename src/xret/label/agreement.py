"""How far two sources of labels agree."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Agreement:
    """What two sources say of the rows that both have labelled.

    Attributes:
        rows: that both have labelled.
        equal: share of them with equal labels; None without rows.
        kappa: Cohen's kappa, the share beyond what chance would give sources that use labels as often: 1 is full
            agreement, 0 is chance. None without rows, and where both say one and the same of all.
    """

    rows: int
    equal: float | None
    kappa: float | None


def agreement(first: Sequence[str | None], second: Sequence[str | None]) -> Agreement:
    """Compare the labels of R rows; rows that one source leaves out do not count.

    Source: Cohen 1960, A coefficient of agreement for nominal scales (Educ. Psychol. Meas. 20).

    Args:
        first: R labels, None or "" where there is none.
        second: the same from another source.
    """
    both = [(a, b) for a, b in zip(first, second, strict=True) if a and b]
    if not both:
        return Agreement(0, None, None)
    equal = sum(a == b for a, b in both) / len(both)
    often, again = Counter(a for a, _ in both), Counter(b for _, b in both)
    chance = sum(count * again[label] for label, count in often.items()) / len(both) ** 2
    return Agreement(len(both), equal, None if chance == 1 else (equal - chance) / (1 - chance))
