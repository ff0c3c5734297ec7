"""The items of a gallery, cut into shards, and what each of them stands for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from xret._errors import UserError
from xret.commands._items import PARTS
from xret.data.manifest import WORDS, Items, Manifest, media_path
from xret.data.parts import ITEM, composed
from xret.model.dual_encoder import DualEncoder
from xret.run.vectors import Item


@dataclass(frozen=True)
class Shard:
    """Some items that go into one file; all that an encoder must know of them.

    Attributes:
        number: of the shard, from 0.
        modality: of the items.
        parts: part -> its different values; of a picture or a text the only one is itself.
        places: part -> (N,) int64, which of its values an item has, -1 for none; None where items have no parts.
    """

    number: int
    modality: str
    parts: Mapping[str, Items]
    places: Mapping[str, np.ndarray] | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.parts[self.modality]) if self.places is None else len(next(iter(self.places.values())))


@dataclass(frozen=True)
class Gallery:
    """The different items of one modality, cut into shards.

    Attributes:
        manifest: the rows.
        items: the N items.
        of_row: (R,) int64, the item of each row; -1 for none.
        size: items of a shard.
        parts: part -> its different values; of a picture or a text the only one is itself.
        places: part -> (N,) int64 which of them an item has; None where items have no parts.
    """

    manifest: Manifest
    items: Items
    of_row: np.ndarray
    size: int
    parts: Mapping[str, Items]
    places: Mapping[str, np.ndarray] | None

    @classmethod
    def of(cls, model: DualEncoder, modality: str, manifest: Manifest, size: int) -> "Gallery":
        """Return the items that a model makes vectors of."""
        if modality != ITEM:
            items, of_row = manifest.items(modality)
            return cls(manifest, items, of_row, size, {modality: items}, None)
        known = {m: manifest.items(m) for m in PARTS if m in manifest.modalities}
        used = [part for part in model.parts if part in known]
        items, of_row, places = composed(known, used, manifest.group_ids())
        absent = {part: np.full(len(items), -1, dtype=np.int64) for part in model.parts if part not in known}
        values = {part: known[part if part in known else used[0]][0] for part in model.parts}
        return cls(manifest, items, of_row, size, values, places | absent)

    @cached_property
    def _first(self) -> dict[int, int]:
        """Item -> the first row that holds it."""
        found = np.unique(self.of_row, return_index=True)
        return dict(zip(*(array.tolist() for array in found), strict=True))

    @property
    def shards(self) -> int:
        """How many there are."""
        return -(-len(self.items) // self.size)

    def shard(self, number: int) -> Shard:
        """Return what has to be encoded for one file."""
        where = slice(number * self.size, (number + 1) * self.size)
        modality = self.items.modality
        if self.places is None:
            part = Items(modality, self.items.refs[where], self.items.groups[where])
            return Shard(number, modality, {modality: part})
        parts, places = {}, {}
        for name, of_item in self.places.items():
            used, places[name] = used_of(of_item[where])
            refs = tuple(self.parts[name].refs[i] for i in (used if len(used) else [0]))
            parts[name] = Items(name, refs, self.items.groups[:0])
        return Shard(number, modality, parts, places)

    def described(self, number: int) -> list[Item]:
        """Return what each item of a shard stands for, by the first row that holds it."""
        begin = number * self.size
        return [self._item(self._first[i]) for i in range(begin, min(begin + self.size, len(self.items)))]

    def _item(self, at: int) -> Item:
        row, modality, root = self.manifest.rows[at], self.items.modality, self.manifest.root
        ref = row.inputs.get("image", "") if modality == ITEM else row.inputs[modality]
        text = row.inputs.get("title", "") if modality == ITEM else ""
        path = ""
        if modality not in WORDS and ref:
            _, mark, layer = ref.partition("#")
            path = f"{media_path(root, ref).resolve()}{mark}{layer}"
        shown = ref if modality in WORDS else text or row.inputs.get("text", "")
        return Item(row.id, shown, path, row.group, row.split or "", dict(row.attributes))


def used_of(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which values some items have, and for each item which of these, (N,) int64, -1 for none."""
    used = np.unique(where[where >= 0])
    return used, np.where(where >= 0, np.searchsorted(used, where), -1)


def modalities(model: DualEncoder, manifest: Manifest, asked: Sequence[str] | None) -> list[str]:
    """Return which modalities to embed: what is found before what is asked for.

    Raises:
        UserError: run or data lack one that was asked for, or they have none in common.
    """
    there = set(manifest.modalities) | ({ITEM} if set(model.parts) & set(manifest.modalities) else set())
    common = sorted((m for m in model.modalities if m in there), key=lambda m: m in WORDS)
    for modality in asked or ():
        if modality not in common:
            raise UserError(f"modalities: run and data have {', '.join(common) or 'none'} in common, got {modality}")
    if not common:
        raise UserError(f"{manifest.name} has {', '.join(manifest.modalities)}, the run {', '.join(model.modalities)}")
    return list(asked or common)
