"""The work of ``xret clean`` on pairs: rows that harm each other."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from xret.clean import Finding
from xret.clean.audit import Change
from xret.clean.pairs import Pairs
from xret.commands._leaks import thumbnails
from xret.data.manifest import Manifest

if TYPE_CHECKING:
    from xret.commands._cleaned import Plan


def compared(steps: Mapping[str, Any], manifest: Manifest, plan: "Plan") -> tuple[set[str], list[Change]]:
    """Return the ids of rows that are left out, and every finding.

    Each step looks at the rows that those before it leave. What a step only reports is a proposal to leave the later
    row out.
    """
    dropped: set[str] = set()
    trail: list[Change] = []
    if not {"image", "text"} <= set(manifest.modalities):  # or no row at all
        return dropped, trail
    items, of_row = manifest.items("image")
    known: dict[float, Any] = {}
    for name, step in steps.items():
        stays = np.array([row.id not in dropped for row in manifest.rows])
        kept = replace(manifest, rows=tuple(itertools.compress(manifest.rows, stays)))
        for finding in step(_pairs(kept, items.refs, of_row[stays], known, plan)):
            for change in _changes(name, finding, plan):
                trail.append(change)
                if change.applied:
                    dropped.add(change.row)
    return dropped, trail


def _changes(step: str, finding: Finding, plan: "Plan") -> list[Change]:
    reason = f"{finding.reason}: {', '.join(finding.rows[:-1])}".rstrip(": ")
    if finding.drop:
        return [Change(row, "pairs", "", step, row, None, reason, evidence=finding.evidence) for row in finding.drop]
    row = finding.rows[-1]
    return [Change(row, "pairs", "", step, row, None, reason, (step, row, None) in plan.accepted, finding.evidence)]


def _pairs(
    manifest: Manifest, refs: Sequence[str], pictures: np.ndarray, known: dict[float, Any], plan: "Plan"
) -> Pairs:
    rows = manifest.rows
    return Pairs(
        [row.id for row in rows],
        [row.group for row in rows],
        [str(row.split) for row in rows],
        [row.inputs.get("text", "") for row in rows],
        pictures,
        lambda: thumbnails(refs, manifest.root, plan.workers),
        _vectors(manifest, plan.vectors),
        known,
    )


def _vectors(
    manifest: Manifest, vectors: Callable[[Manifest], Mapping[str, np.ndarray]] | None
) -> Callable[[], Mapping[str, np.ndarray]] | None:
    return None if vectors is None else lambda: vectors(manifest)
