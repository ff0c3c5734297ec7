"""From items to shards of unit vectors, with the encoders of a trained run."""

import hashlib
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xret._errors import UserError
from xret.commands._trained import Trained
from xret.data.batch import Stored
from xret.data.encoding import encode_items
from xret.data.faults import settle
from xret.data.features import Broken, InMemory, Piece, StoredFeatures
from xret.data.manifest import WORDS, Items, Manifest, Rejected, media_path
from xret.data.parts import ITEM, Composite, composed
from xret.model.dual_encoder import DualEncoder
from xret.run.vectors import Item, VectorFolder

log = logging.getLogger(__name__)

_AT_ONCE = 512  # items of several parts whose words and regions are in memory at a time


@dataclass(frozen=True)
class Done:
    """What came of one modality: how many items, in how many shards, of what length, and what was left out."""

    items: int
    shards: int
    dim: int
    rejected: tuple[Rejected, ...] = ()


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
        return len(next(iter((self.places or self.parts).values())))


@dataclass(frozen=True)
class Made:
    """What came of a shard of N items.

    Attributes:
        number: of the shard.
        vectors: (K, D) float32 of length 1, of the items that can be read.
        kept: (K,) int64, which of the N these are.
        broken: all others, and why.
    """

    number: int
    vectors: np.ndarray
    kept: np.ndarray
    broken: tuple[Broken, ...]


Engine = Callable[[Callable[[Shard, int], Made], Sequence[Shard]], Iterator[Made]]


@dataclass(frozen=True)
class Encoding:
    """Encodes a shard; can be sent to another process.

    Attributes:
        model: of a run.
        root: folder that media references are relative to.
        batch_size: items encoded at once.
    """

    model: DualEncoder
    root: Path
    batch_size: int

    def __call__(self, shard: Shard, readers: int) -> Made:
        """Return the vectors of a shard, whose files so many processes of its own read."""
        if shard.places is not None:
            return _of_parts(self, shard, readers)
        pieces = self.pieces(shard.modality, shard.modality, shard.parts[shard.modality], readers)
        vectors: np.ndarray | None = None
        broken: list[Broken] = []
        for piece in pieces:
            found = self.vectors(shard.modality, {name: torch.from_numpy(a) for name, a in piece.arrays.items()})
            vectors = np.zeros((len(shard), found.shape[1]), np.float32) if vectors is None else vectors
            vectors[piece.positions] = found
            broken += piece.broken
        assert vectors is not None
        return _made(shard, vectors, {fault.position: fault for fault in broken})

    def pieces(self, encoder: str, part: str, items: Items, readers: int, tokens: bool = False) -> Iterator[Piece]:
        """Return what an encoder makes of items, batch by batch."""
        tower: Any = self.model.encoders[encoder]
        readable = replace(items, modality=tower.modality)  # a title is a text
        tokens = tokens and tower.stores == "vector"
        many = len(items) > self.batch_size
        return encode_items(readable, self.root, tower, self.batch_size, readers, many, tokens=tokens)

    @torch.inference_mode()
    def vectors(self, modality: str, inputs: Mapping[str, torch.Tensor]) -> np.ndarray:
        """Return the unit vectors (B, D) float32 of what encoders made of B items."""
        device = next(self.model.parameters()).device
        on_device = {name: tensor.to(device) for name, tensor in inputs.items()}
        array: np.ndarray = self.model.encode(modality, on_device).vector.float().cpu().numpy()
        return array


def _of_parts(encoding: Encoding, shard: Shard, readers: int) -> Made:
    """Encode items of several parts; one whose picture is broken is broken, also where it has a title."""
    assert shard.places is not None
    fuser: Any = encoding.model.projections[ITEM]
    vectors: np.ndarray | None = None
    broken: dict[int, Broken] = {}
    for begin in range(0, len(shard), _AT_ONCE):
        near = {part: where[begin : begin + _AT_ONCE] for part, where in shard.places.items()}
        count = len(next(iter(near.values())))
        stored: dict[str, Stored] = {}
        places: dict[str, np.ndarray] = {}
        for part, where in near.items():
            used, places[part] = _used(where)
            values = shard.parts[part]
            # where none of them has the part, another item's stands in its place: the model goes by what is present
            known = Items(part, tuple(values.refs[i] for i in (used if len(used) else [0])), values.groups[:0])
            sink = InMemory(len(known))
            faults: list[Broken] = []
            for piece in encoding.pieces(encoding.model.parts[part], part, known, readers, fuser.reads_tokens):
                sink.write(piece)
                faults += piece.broken
            for fault in faults:
                for i in np.flatnonzero(places[part] == fault.position).tolist():
                    broken.setdefault(begin + i, fault._replace(position=begin + i))
            features = StoredFeatures.of(sink.arrays, ())
            stored[part] = Stored(features.name, features.array, features.mask, features.tokens)
        joint = Composite(stored, places)
        for first in range(0, count, encoding.batch_size):
            where = np.arange(first, min(first + encoding.batch_size, count))
            found = encoding.vectors(shard.modality, joint(where))
            vectors = np.zeros((len(shard), found.shape[1]), np.float32) if vectors is None else vectors
            vectors[begin + where] = found
    assert vectors is not None
    return _made(shard, vectors, broken)


def _used(where: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which values some items have, and for each item which of these, (N,) int64, -1 for none."""
    used = np.unique(where[where >= 0])
    return used, np.where(where >= 0, np.searchsorted(used, where), -1)


def _made(shard: Shard, vectors: np.ndarray, broken: Mapping[int, Broken]) -> Made:
    kept = np.setdiff1d(np.arange(len(shard)), list(broken))
    return Made(shard.number, vectors[kept], kept, tuple(sorted(broken.values())))


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
        known = {m: manifest.items(m) for m in manifest.modalities if m in model.parts}
        items, of_row, places = composed(known, list(known), manifest.group_ids())
        absent = np.full(len(items), -1, dtype=np.int64)
        stand_in = next(iter(known.values()))[0]
        for part in model.parts:
            places.setdefault(part, absent)
        ordered = {part: places[part] for part in model.parts}
        values = {part: known[part][0] if part in known else stand_in for part in model.parts}
        return cls(manifest, items, of_row, size, values, ordered)

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
            used, places[name] = _used(of_item[where])
            refs = tuple(self.parts[name].refs[i] for i in (used if len(used) else [0]))
            parts[name] = Items(name, refs, self.items.groups[:0])
        return Shard(number, modality, parts, places)

    def described(self, number: int) -> list[Item]:
        """Return what each item of a shard stands for, by the first row that holds it."""
        begin = number * self.size
        rows, first = np.unique(self.of_row, return_index=True)
        row_of = dict(zip(rows.tolist(), first.tolist(), strict=True))
        return [self._item(row_of[i]) for i in range(begin, min(begin + self.size, len(self.items)))]

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


def model_hash(trained: Trained) -> str:
    """Return a hash of the weights of a run and of its frozen encoders: equal where vectors may meet."""
    total = hashlib.sha256()
    for name, tensor in sorted(trained.model.trained_state().items()):
        total.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    for fact in sorted(trained.model.frozen_fingerprints().items()):
        total.update(repr(fact).encode())
    return total.hexdigest()[:32]


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


def embed_modality(
    engine: Engine, encoding: Encoding, gallery: Gallery, folder: VectorFolder, on_error: str = "skip"
) -> Done:
    """Write the vectors of all items of a modality; shards that are there stay. What cannot be read is left out.

    Raises:
        UserError: nothing can be read, or something cannot and ``on_error`` is "fail", or the disk is full.
    """
    modality, manifest = gallery.items.modality, gallery.manifest
    missing = [n for n in range(gallery.shards) if not folder.has(modality, n)]
    for made in engine(encoding, [gallery.shard(n) for n in missing]):
        known = gallery.described(made.number)
        lost = [_rejected(known[fault.position], fault) for fault in made.broken]
        for one in lost:
            log.warning("left out: %s: %s, %s", one.row, one.reason, one.detail)
        if lost:
            settle(replace(manifest, rejected=tuple(lost)), on_error)
        folder.write(modality, made.number, made.vectors, [known[i] for i in made.kept.tolist()], lost)
    shapes = [folder.shape(modality, n) for n in range(gallery.shards)]
    total = sum(shape[0] for shape in shapes)
    rejected = tuple(folder.rejected(modality, gallery.shards))
    if not total:
        raise UserError(f"{manifest.name} has no {modality} that can be read; the first: {rejected[0]}")
    return Done(total, gallery.shards, shapes[0][1], rejected)


def _rejected(item: Item, fault: Broken) -> Rejected:
    return Rejected(item.id, fault.reason, f"{item.path}: {fault.detail}")
