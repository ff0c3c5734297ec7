"""Leaks: pictures of one split that are pictures of another, in other files or under other names."""

import re

from xret.clean import Finding
from xret.clean.labels._value import fold
from xret.clean.pairs import Pairs
from xret.clean.pairs._copies import Copy, copies_in, equals_and_near

_WORD = re.compile("[\u3040-\u30ff\u3400-\u9fff]|[^\\W\u3040-\u30ff\u3400-\u9fff]+")


class Leaks:
    """Report pictures of different groups that are copies of each other across train, val and test.

    Copies are found through resizing, JPEG, cropping by up to 5 % at each side and mirroring. Rows of one group share
    pictures by right; that they share a split is the split's matter.

    The evidence is 1 where pictures are equal and 0.5 where they only just pass. It is half of that where the other
    caption says that it may be another thing: a mirrored picture under another caption ("left arrow", "right arrow"),
    or a picture under a caption that has no word in common ("new moon", "black circle").

    Args:
        most: levels of 255 by which the blocks of copies differ.
        drop: leave out the row that trains, or of val the one that has a copy in test; False only reports.

    Raises:
        ValueError: most is outside (0, 255).
    """

    def __init__(self, most: float = 12.0, drop: bool = False) -> None:
        if not 0 < most < 255:
            raise ValueError(f"most must be in (0, 255), levels of a pixel, got {most}")
        self.most, self.drop = most, drop

    def __call__(self, data: Pairs) -> list[Finding]:
        """Return the leaks, the surest first."""
        return self.across(data, copies_in(data, self.most))

    def across(self, data: Pairs, found: list[Copy]) -> list[Finding]:
        """Return the leaks among copies that are known: of each picture of val and test one, in each other split."""
        root, near = equals_and_near(found)
        wanted = {*root, *root.values(), *near}
        rows: dict[int, dict[tuple[str, str], int]] = {}  # picture -> (split, group) -> its first row
        few: dict[tuple[int, str], dict[str, int]] = {}  # picture, split -> two groups at most, and a row of each
        for row, picture in enumerate(data.pictures.tolist()):
            if picture in wanted:
                first, split, group = root.get(picture, picture), data.splits[row], data.groups[row]
                rows.setdefault(first, {}).setdefault((split, group), row)
                groups = few.setdefault((first, split), {})
                if len(groups) < 2:
                    groups.setdefault(group, row)
        findings = []
        for picture, held in rows.items():
            alike: list[tuple[int, Copy | None]] = [(picture, None), *near.get(picture, ())]
            for (split, group), row in held.items():
                for other_split in ("val", "train") if split == "test" else ("train",) if split == "val" else ():
                    others = ((r, c) for p, c in alike for g, r in few.get((p, other_split), {}).items() if g != group)
                    if match := next(others, None):
                        findings.append(self._finding(data, row, *match))
        return sorted(findings, key=lambda finding: (-finding.evidence, finding.rows))

    def _finding(self, data: Pairs, kept: int, lost: int, copy: Copy | None) -> Finding:
        one, other = fold(data.captions[kept]), fold(data.captions[lost])
        equal = one == other
        mirrored = copy is not None and copy.mirrored
        evidence = 1.0 if copy is None else 1 - copy.difference / (2 * self.most)
        kind = "mirrored copy" if mirrored else "equal picture" if copy is None else "copy"
        reason = f"{kind} in {data.splits[kept]} and {data.splits[lost]}{', equal captions' if equal else ''}"
        ids = (data.ids[kept], data.ids[lost])
        strange = not equal and (mirrored or not (_words(one) & _words(other)))
        return Finding(ids, reason, ids[1:] if self.drop else (), evidence / 2 if strange else evidence)


def _words(caption: str) -> set[str]:
    return set(_WORD.findall(caption))
