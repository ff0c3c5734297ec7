"""Leaks: pictures of one split that are pictures of another, in other files or under other names."""

from xret.clean import Finding
from xret.clean.labels._value import fold
from xret.clean.pairs import Pairs
from xret.clean.pairs._copies import Copy, copies

_ORDER = {"test": 0, "val": 1, "train": 2}


class Leaks:
    """Report pictures of different groups that are copies of each other across train, val and test.

    Copies are found through resizing, JPEG, cropping by up to 5 % at each side and mirroring; see
    `xret.clean.pairs._copies`. Rows of one group share pictures by right; that they share a split is the split's matter.

    The evidence is 1 where pictures are equal and 0.5 where they only just pass. A mirrored picture under another
    caption may be another thing ("left arrow", "right arrow"): it has half of that evidence.

    Args:
        most: levels of 255 by which the blocks of copies differ.
        drop: leave out the row that trains, or of val the one that has a copy in test; False only reports.

    Raises:
        ValueError: most is outside (0, 255).
    """

    def __init__(self, most: float = 14.0, drop: bool = False) -> None:
        if not 0 < most < 255:
            raise ValueError(f"most must be in (0, 255), levels of a pixel, got {most}")
        self.most, self.drop = most, drop

    def __call__(self, data: Pairs) -> list[Finding]:
        """Return the leaks, the surest first."""
        return self.across(data, copies(data.thumbnails(), self.most))

    def across(self, data: Pairs, found: list[Copy]) -> list[Finding]:
        """Return the leaks among copies that are known."""
        rows: dict[int, dict[tuple[str, str], int]] = {}  # picture -> (group, split) -> its first row
        wanted = {position for copy in found for position in (copy.first, copy.second)}
        for row, picture in enumerate(data.pictures.tolist()):
            if picture in wanted:
                rows.setdefault(picture, {}).setdefault((data.groups[row], data.splits[row]), row)
        findings = [
            self._finding(data, copy, one, other)
            for copy in found
            for (group, split), one in rows.get(copy.first, {}).items()
            for (other_group, other_split), other in rows.get(copy.second, {}).items()
            if group != other_group and split != other_split
        ]
        return sorted(findings, key=lambda finding: (-finding.evidence, finding.rows))

    def _finding(self, data: Pairs, copy: Copy, one: int, other: int) -> Finding:
        kept, lost = sorted((one, other), key=lambda row: (_ORDER.get(data.splits[row], 3), row))
        equal = fold(data.captions[kept]) == fold(data.captions[lost])
        evidence = 1 - copy.difference / (2 * self.most)
        kind = "mirrored copy" if copy.mirrored else "equal picture" if copy.difference == 0 else "copy"
        reason = f"{kind} in {data.splits[kept]} and {data.splits[lost]}{', equal captions' if equal else ''}"
        if copy.mirrored and not equal:
            evidence /= 2
        ids = (data.ids[kept], data.ids[lost])
        return Finding(ids, reason, ids[1:] if self.drop else (), evidence)
