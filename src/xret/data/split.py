"""Splits: whole groups go to train, val or test by a hash of their name."""

import hashlib
import logging
import math
from collections.abc import Sequence
from dataclasses import replace

from xret.data.manifest import SPLITS, Manifest, Rejected, Row

log = logging.getLogger(__name__)


def check_fractions(fractions: Sequence[float]) -> None:
    """Raise ValueError unless there are three shares, none negative, that add up to one."""
    shares = [float(f) for f in fractions]
    if len(shares) != len(SPLITS) or min(shares) < 0 or not math.isclose(sum(shares), 1, abs_tol=1e-6):
        raise ValueError(f"fractions must be the shares of {', '.join(SPLITS)}, adding up to 1, got {shares}")


def split_of(group: str, salt: str, fractions: Sequence[float]) -> str:
    """Return the split of a group: a function of its name alone, so that other groups never move it.

    Args:
        group: its name.
        salt: another salt gives another division.
        fractions: shares of train, val and test.
    """
    digest = hashlib.sha1((salt + group).encode(), usedforsecurity=False).digest()
    place = int.from_bytes(digest[:8], "big") / 2**64  # uniform in [0, 1)
    if place < fractions[0]:
        return "train"
    return "val" if place < fractions[0] + fractions[1] else "test"


def assign(manifest: Manifest, salt: str, fractions: Sequence[float]) -> Manifest:
    """Return the manifest with a split in every row.

    Where no row carries a split, groups are divided by `split_of`. Where some do, theirs stand, and rows without one
    are rejected: to guess could put a test picture into training. A group in two splits is reported in the log.

    Args:
        manifest: rows with or without splits.
        salt: see `split_of`.
        fractions: see `split_of`.
    """
    if all(row.split is None for row in manifest.rows):
        chosen: dict[str, str] = {}
        for row in manifest.rows:
            if row.group not in chosen:
                chosen[row.group] = split_of(row.group, salt, fractions)
        return replace(manifest, rows=tuple(replace(row, split=chosen[row.group]) for row in manifest.rows))
    _report_leaks(manifest)
    return manifest.without(_without_split)


def fold(manifest: Manifest, number: int, count: int) -> Manifest:
    """Return the manifest with another validation split: one of ``count`` equal shares of the groups of train and val.

    Args:
        manifest: with a split in every row. Other splits stay as they are.
        number: of the share, from 0.
        count: K, at least 2.

    Raises:
        ValueError: there is no such fold.
    """
    if not 0 <= number < count or count < 2:
        raise ValueError(f"need 0 <= number < count and count >= 2, got number {number} of {count}")
    known = sorted(
        {row.group for row in manifest.rows if row.split in {"train", "val"}},
        key=lambda group: hashlib.sha1(f"fold:{group}".encode(), usedforsecurity=False).digest(),
    )
    chosen = set(known[number::count])
    rows = tuple(
        replace(row, split="val" if row.group in chosen else "train") if row.split in {"train", "val"} else row
        for row in manifest.rows
    )
    return replace(manifest, rows=rows)


def first_groups(manifest: Manifest, count: int) -> Manifest:
    """Return the manifest with only the first ``count`` groups of each split, for a quick look.

    Raises:
        ValueError: count is below one.
    """
    if count < 1:
        raise ValueError(f"need at least one group of each split, got {count}")
    kept: dict[str | None, dict[str, None]] = {}
    for row in manifest.rows:
        groups = kept.setdefault(row.split, {})
        if len(groups) < count:
            groups[row.group] = None
    return replace(manifest, rows=tuple(row for row in manifest.rows if row.group in kept[row.split]))


def split_digest(manifest: Manifest) -> str:
    """Return a hash over the split of every row, whatever their order."""
    lines = sorted(f"{row.id}\t{row.split}\n" for row in manifest.rows)
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _without_split(row: Row) -> Rejected | None:
    return None if row.split else Rejected(row.id, "value", "no split, while other rows carry one")


def _report_leaks(manifest: Manifest) -> None:
    first: dict[str, str] = {}
    leaks = {r.group for r in manifest.rows if r.split and first.setdefault(r.group, r.split) != r.split}
    if leaks:
        log.warning(
            "%s: %d groups stand in more than one split (%r for one): test figures will be too good",
            manifest.name,
            len(leaks),
            min(leaks),
        )
