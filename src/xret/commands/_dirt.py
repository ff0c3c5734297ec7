"""Dirt planted in a manifest: its rows, its pictures, and a line for each piece."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xret._errors import UserError
from xret.commands._dirt_images import Soiled, soil

if TYPE_CHECKING:
    from xret.data.manifest import Manifest, Row
    from xret.dirt import Planted
    from xret.dirt.recipe import Recipe

_REPEATS = 2  # rows that hold a value, on average, for an attribute to be a label


@dataclass(frozen=True)
class Dirty:
    """What became of a manifest.

    Attributes:
        rows: all of them, in their order.
        planted: id of the row -> what was planted in it, in the order in which it was.
        written: files of pictures, relative to the folder.
        lost: pictures that cannot be read, and stay as they are.
    """

    rows: tuple["Row", ...]
    planted: dict[str, list["Planted"]]
    written: frozenset[str]
    lost: int

    def table(self) -> str:
        """Return CSV: id, kind, field, what was planted (JSON), the value before and after; in the order of rows."""
        out = io.StringIO(newline="")
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(["id", "kind", "field", "planted", "before", "after"])
        for row in self.rows:
            for one in self.planted.get(row.id, ()):
                what = json.dumps(one.what, ensure_ascii=False)
                writer.writerow([row.id, one.kind, one.field, what, one.before, one.after])
        return out.getvalue()


def plant(recipe: "Recipe", manifest: "Manifest", folder: Path, workers: int = 0) -> Dirty:
    """Plant dirt in the rows of the recipe's splits; changed pictures are written below ``folder/images``.

    Args:
        recipe: what is planted.
        manifest: whose rows get dirty; each with a split.
        folder: to write to.
        workers: processes that read and write pictures; 0 does it in this one.

    Raises:
        UserError: the data has not what is to be dirtied, or nothing was planted.
    """
    _check(recipe, manifest)
    rows = {row.id: row for row in manifest.rows}
    chosen = [row.id for row in manifest.rows if row.split in recipe.splits]
    planted: dict[str, list[Planted]] = {}
    for split in recipe.splits if recipe.swapped else ():
        _swap(recipe, rows, [name for name in chosen if rows[name].split == split], planted)
    for name in chosen:
        if recipe.captions and "text" in rows[name].inputs:
            text, found = recipe.captions(rows[name].inputs["text"], name, recipe.draws)
            rows[name] = _with(rows[name], "text", text)
            planted.setdefault(name, []).extend(found)
    pictures = soil(recipe, _refs(rows, chosen), manifest.root, folder, workers) if recipe.images else Soiled()
    for name in chosen:
        if (ref := rows[name].inputs.get("image", "")) in pictures.files:
            rows[name] = _with(rows[name], "image", pictures.files[ref])
            planted.setdefault(name, []).extend(pictures.planted[ref])
    if recipe.labels:
        _relabel(recipe, rows, chosen, planted)
    if not any(planted.values()):
        raise UserError(
            f"nothing was planted in the {len(chosen)} rows of {', '.join(recipe.splits)}; raise the shares"
        )
    return Dirty(tuple(rows.values()), planted, frozenset(pictures.files.values()), pictures.lost)


def _check(recipe: "Recipe", manifest: "Manifest") -> None:
    needed = {"text": recipe.captions is not None, "image": recipe.images is not None}
    wanted = [modality for modality, is_needed in needed.items() if is_needed]
    wanted += [recipe.swapped.what] if recipe.swapped else []
    for modality in wanted:
        if modality not in manifest.modalities:
            raise UserError(f"{manifest.name} has no {modality}; it has {', '.join(manifest.modalities)}")
    names = {name for row in manifest.rows for name in row.attributes}
    for name in recipe.labels.attributes if recipe.labels else ():
        if name not in names:
            known = ", ".join(sorted(names)) or "none"
            raise UserError(f"dirt.labels.attributes: {manifest.name} has no attribute {name!r}; it has {known}")


def _refs(rows: dict[str, "Row"], chosen: list[str]) -> list[str]:
    return [rows[name].inputs["image"] for name in chosen if "image" in rows[name].inputs]


def _with(row: "Row", modality: str, value: str) -> "Row":
    return replace(row, inputs={**row.inputs, modality: value})


def _swap(recipe: "Recipe", rows: dict[str, "Row"], chosen: list[str], planted: dict[str, list["Planted"]]) -> None:
    from xret.dirt import Planted

    assert recipe.swapped is not None
    what = recipe.swapped.what
    held = {name: rows[name].inputs[what] for name in chosen if what in rows[name].inputs}
    partners = recipe.swapped(list(held), [rows[name].group for name in held], recipe.draws)
    for name, partner in partners.items():
        rows[name] = _with(rows[name], what, held[partner])
        planted[name] = [Planted("swapped", what, {"with": partner}, held[name], held[partner])]


def _relabel(recipe: "Recipe", rows: dict[str, "Row"], chosen: list[str], planted: dict[str, list["Planted"]]) -> None:
    assert recipe.labels is not None
    for name in recipe.labels.attributes or _label_names(rows.values()):
        taken = {row.attributes[name] for row in rows.values() if row.attributes.get(name)}
        for row in chosen:
            if value := rows[row].attributes.get(name):
                written, found = recipe.labels(name, value, row, recipe.draws, taken)
                rows[row] = replace(rows[row], attributes={**rows[row].attributes, name: written})
                planted.setdefault(row, []).extend(found)


def _label_names(rows: Iterable["Row"]) -> list[str]:
    """Return the attributes that have several values, which recur."""
    values: dict[str, list[str]] = {}
    for row in rows:
        for name, value in row.attributes.items():
            if value:
                values.setdefault(name, []).append(value)
    return [name for name, held in values.items() if 1 < len(set(held)) <= len(held) / _REPEATS]


def facts(dirty: Dirty, pairs: bytes, folder: Path) -> dict[str, Any]:
    """Return how many rows and pieces of each kind there are, and hashes of the dirt, of the pairs and of pictures.

    Args:
        dirty: what was planted.
        pairs: the table of the dirty pairs.
        folder: that holds the pictures.
    """
    kinds = Counter(one.kind for found in dirty.planted.values() for one in found)
    pictures = hashlib.sha256()
    for ref in sorted(dirty.written):
        pictures.update(f"{ref}\n".encode() + hashlib.sha256((folder / ref).read_bytes()).digest())
    return {
        "rows": sum(bool(found) for found in dirty.planted.values()),
        "planted": dict(sorted(kinds.items())),
        "sha256": hashlib.sha256(dirty.table().encode()).hexdigest(),
        "pairs_sha256": hashlib.sha256(pairs).hexdigest(),
        "images_sha256": pictures.hexdigest(),
    }
