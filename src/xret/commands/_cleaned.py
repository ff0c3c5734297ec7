"""A manifest cleaned into a folder: the new table, its pictures and the trail."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from xret.clean.audit import Change, parquet
from xret.commands._cleaning import (
    Accepted,
    Cleaned,
    Job,
    captions,
    labels,
    learn_captions,
    learn_pictures,
    pictures,
)
from xret.commands._cleaning_pairs import compared
from xret.data.manifest import WORDS, Manifest, Row
from xret.data.writing import place, table
from xret.run.folder import write_whole


@dataclass(frozen=True)
class Plan:
    """What is done to a manifest.

    Attributes:
        steps: text, image, labels and pairs -> name -> step.
        accepted: proposals that are confirmed: step, before, after.
        source: attribute that says where a row comes from; "" where none does.
        attributes: whose values are cleaned.
        drawn_px: longer side at which an SVG is drawn.
        fit_pictures: training pictures of each source that steps may learn from.
        workers: processes; 0: none beside this one.
        suffix: of the table.
        vectors: gives "image" and "text" -> (R, D) vectors of the rows of a manifest; None: steps do without.
    """

    steps: Mapping[str, Mapping[str, Any]]
    accepted: Accepted = frozenset()
    source: str = ""
    attributes: tuple[str, ...] = ()
    drawn_px: int = 512
    fit_pictures: int = 200
    workers: int = 2
    suffix: str = ".csv"
    vectors: Callable[[Manifest], Mapping[str, np.ndarray]] | None = None


@dataclass(frozen=True)
class Done:
    """What was written: the path of the table, its number of rows, and every change."""

    path: Path
    rows: int
    trail: list[Change]


def clean_into(folder: Path, plan: Plan, manifest: Manifest) -> Done:
    """Write ``pairs``, ``images/``, ``media/`` and ``changes.parquet``; what is done already stays in ``.clean``.

    Raises:
        UserError: the disk is full or may not be written.
    """
    job = Job({}, plan.accepted, manifest.root, folder, plan.drawn_px)
    parts = folder / ".clean"
    _learn(plan, folder, manifest, job)
    refs = dict.fromkeys(r.inputs["image"] for r in manifest.rows if "image" in r.inputs)
    of_text, of_image = replace(job, steps=plan.steps["text"]), replace(job, steps=plan.steps["image"])
    found = {}
    for kind in (m for m in WORDS if m in manifest.modalities):
        texts = dict.fromkeys(r.inputs[kind] for r in manifest.rows if kind in r.inputs)
        found["text", kind] = captions(of_text, list(texts), parts / kind, plan.workers)
    found["image", "image"] = pictures(of_image, list(refs), parts, plan.workers)
    for name in plan.attributes:
        found["labels", name] = labels(plan.steps["labels"], manifest.rows, name, plan.accepted)
    rows, changes = _applied(manifest, found)
    trail = [*_unread(manifest), *changes]
    rows = _with_media(replace(manifest, rows=tuple(rows)), folder, found["image", "image"])
    dropped, told = compared(plan.steps["pairs"], replace(manifest, rows=tuple(rows), root=folder), plan)
    rows, trail = [row for row in rows if row.id not in dropped], [*trail, *told]
    write_whole(folder / "changes.parquet", lambda file: file.write(parquet(trail)))
    path = folder / f"pairs{plan.suffix}"
    write_whole(path, lambda file: file.write(table(rows, plan.suffix)))
    return Done(path, len(rows), trail)


def _learn(plan: Plan, folder: Path, manifest: Manifest, job: Job) -> None:
    """Let steps learn from the training rows, or take what they learnt before a kill."""
    kept = folder / ".clean/learnt.json"
    learning = {n: s for kind in ("text", "image") for n, s in plan.steps[kind].items() if hasattr(s, "fit")}
    if kept.is_file():
        for name, state in json.loads(kept.read_text()).items():
            learning[name].restore(state)
        return
    training = [row for row in manifest.rows if row.split == "train"]
    learn_captions(plan.steps["text"], training, plan.source)
    learn_pictures(plan.steps["image"], training, plan.source, plan.fit_pictures, job)
    states = json.dumps({name: step.state() for name, step in learning.items()})
    write_whole(kept, lambda file: file.write(states.encode()))


def _applied(manifest: Manifest, found: dict[tuple[str, str], dict[str, Cleaned]]) -> tuple[list[Row], list[Change]]:
    """Return the rows that stay, with their new values, and every change."""
    rows: list[Row] = []
    changes: list[Change] = []
    for row in manifest.rows:
        inputs, attributes, stays = dict(row.inputs), dict(row.attributes), True
        for (kind, field), cleaned in found.items():
            values = attributes if kind == "labels" else inputs
            if not values.get(field):
                continue
            after, edits = cleaned[values[field]]
            changes.extend(_changes(row.id, kind, field, edits))
            values[field] = after or ""
            stays &= after is not None
        if stays:
            rows.append(replace(row, inputs=inputs, attributes=attributes))
    return rows, changes


def _changes(row: str, kind: str, field: str, edits: Sequence[Any]) -> Iterator[Change]:

    for step, before, after, reason, applied, evidence in edits:
        yield Change(row, "read" if step == "read" else kind, field, step, before, after, reason, applied, evidence)


def _unread(manifest: Manifest) -> Iterator[Change]:
    """Yield the rows that the source itself could not read."""
    for rejected in manifest.rejected:
        yield Change(rejected.row, "read", "", "read", "", None, f"{rejected.reason}: {rejected.detail}")


def _with_media(kept: Manifest, folder: Path, pictures: dict[str, Cleaned]) -> list[Row]:
    """Return the rows with references into the folder; pictures that did not change are put there as links."""
    made = {after for ref, (after, _) in pictures.items() if after != ref}

    def old(row: Row) -> Row:
        return replace(row, inputs={m: ref for m, ref in row.inputs.items() if m not in WORDS and ref not in made})

    placed = place(replace(kept, rows=tuple(old(row) for row in kept.rows)), folder)
    media = {ref: placed.get(ref, ref) for row in kept.rows for m, ref in row.inputs.items() if m not in WORDS}
    return [
        replace(row, inputs={m: ref if m in WORDS else media[ref] for m, ref in row.inputs.items()})
        for row in kept.rows
    ]
