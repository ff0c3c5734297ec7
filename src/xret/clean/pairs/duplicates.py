"""Duplicates: rows of one split that say the same twice."""

from xret.clean import Finding
from xret.clean.labels._value import fold
from xret.clean.pairs import Pairs
from xret.clean.pairs._copies import Copy, copies_in, equals_and_near


class Duplicates:
    """Find rows of one split that hold the same picture, and leave out those whose caption is the same, too.

    Pictures are the same when they are equal, or copies through resizing, JPEG, cropping by up to 5 % at each side or
    mirroring; captions, when they agree without regard to case, spaces and marks. Of rows with the same picture file
    and the same caption the first stays. A mirrored picture under the same caption is only reported: the other side is
    something to learn from.

    Rows of one group are expected to share a picture (five captions of one photo): they are no finding, unless they
    share the caption too.

    Args:
        most: what blocks of copies differ by, in levels of 255; see `xret.clean.pairs.leaks.Leaks`.
        drop: leave out the later rows where picture and caption are the same; False only reports.

    Raises:
        ValueError: most is outside (0, 255).
    """

    def __init__(self, most: float = 12.0, drop: bool = True) -> None:
        if not 0 < most < 255:
            raise ValueError(f"most must be in (0, 255), levels of a pixel, got {most}")
        self.most, self.drop = most, drop

    def __call__(self, data: Pairs) -> list[Finding]:
        """Return the duplicates, in the order of the later row."""
        return self.within(data, copies_in(data, self.most))

    def within(self, data: Pairs, found: list[Copy]) -> list[Finding]:
        """Return the duplicates among rows that share a picture, or hold two of the copies that are known."""
        root, near = equals_and_near(found)
        said: dict[tuple[int, str, str], int] = {}  # picture, split, caption -> the row that stays
        seen: dict[tuple[int, str], dict[str, int]] = {}  # picture, split -> two groups at most, and a row of each
        findings = []
        for row, picture in enumerate(data.pictures.tolist()):
            if picture < 0:
                continue
            picture, split, group = root.get(picture, picture), data.splits[row], data.groups[row]
            caption = fold(data.captions[row])
            alike = [(picture, None), *near.get(picture, ())]
            equal = next(((said[k], c) for p, c in alike if (k := (p, split, caption)) in said), None)
            others = ((one, c) for p, c in alike for g, one in seen.get((p, split), {}).items() if g != group)
            drop = self.drop and equal is not None and (equal[1] is None or not equal[1].mirrored)
            if match := equal or next(others, None):
                findings.append(self._finding(data, match[0], row, match[1], equal is not None, drop))
            if not drop:
                said.setdefault((picture, split, caption), row)
                groups = seen.setdefault((picture, split), {})
                if len(groups) < 2:
                    groups.setdefault(group, row)
        return findings

    def _finding(self, data: Pairs, one: int, other: int, copy: Copy | None, equal: bool, drop: bool) -> Finding:
        kind = "same picture" if copy is None else "mirrored copy" if copy.mirrored else "copy"
        evidence = 1.0 if copy is None else 1 - copy.difference / (2 * self.most)
        ids = (data.ids[one], data.ids[other])
        return Finding(ids, f"{kind}, {'equal' if equal else 'other'} captions", ids[1:] if drop else (), evidence)
