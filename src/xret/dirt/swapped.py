"""Swapped partners: a share of the pairs exchange their texts among each other."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from xret.dirt.draws import Draws, check_share


@dataclass(frozen=True)
class Swapped:
    """Draw pairs and deal their texts (or images) out anew, none of them to its own group.

    This is the noise that `xret.noise.swap` makes of a share of the training pairs (Huang et al. 2021, NCR, NeurIPS,
    sec. 4.1), for tables that grow: which pairs are drawn, and in which order they stand on a ring, depends on their
    ids; each is given what the next one holds. The share is therefore an expected one, a row that is added changes the
    partners of its neighbours on the ring only, and the order of rows has no say.

    Args:
        share: of the pairs, in [0, 1].
        what: modality that is swapped.

    Raises:
        ValueError: share is outside [0, 1].
    """

    share: float = 0.1
    what: str = "text"

    def __post_init__(self) -> None:
        check_share("share", self.share)

    def __call__(self, rows: Sequence[str], groups: Sequence[str], draws: Draws) -> dict[str, str]:
        """Return row -> row whose ``what`` it is given: a permutation of the rows that are swapped.

        Where one group holds more than half of the pairs that are drawn, some of its pairs stay; a lone pair does too.

        Args:
            rows: ids of the pairs.
            groups: of each.
            draws: of the data set.
        """
        ring: list[tuple[float, str, str]] = []
        for row, group in zip(rows, groups, strict=True):
            rng = draws.of("swapped", row)
            if rng.random() < self.share:
                ring.append((rng.random(), row, group))
        ring = _balanced(sorted(ring))
        given = ring[1:] + ring[:1]
        _part(ring, given)
        return {row: other for (_, row, _), (_, other, _) in zip(ring, given, strict=True)}


def _balanced(ring: list[tuple[float, str, str]]) -> list[tuple[float, str, str]]:
    """Return the ring without the last pairs of a group that has more than half of it."""
    if not ring:
        return ring
    largest, held = Counter(group for _, _, group in ring).most_common(1)[0]
    surplus = max(0, 2 * held - len(ring))
    own = [pair for pair in ring if pair[2] == largest]
    gone = set(own[len(own) - surplus :])
    return [pair for pair in ring if pair not in gone]


def _part(ring: list[tuple[float, str, str]], given: list[tuple[float, str, str]]) -> None:
    """Exchange what is given until none is of its receiver's group; each exchange settles a place, unsettles none."""
    count = len(ring)
    for i in range(count):
        if ring[i][2] != given[i][2]:
            continue
        for step in range(1, count):
            j = (i + step) % count
            if ring[i][2] not in (ring[j][2], given[j][2]):
                given[i], given[j] = given[j], given[i]
                break
