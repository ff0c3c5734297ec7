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
from xret.commands._gallery import Gallery, Shard, used_of
from xret.commands._trained import Trained
from xret.data.encoding import encode_items
from xret.data.faults import settle
from xret.data.features import Broken, InMemory, Piece, StoredFeatures
from xret.data.manifest import Items, Rejected
from xret.data.parts import ITEM, Composite
from xret.data.providers import Stored
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
        pieces = self.pieces(shard.modality, shard.parts[shard.modality], readers)
        vectors: np.ndarray | None = None
        broken: list[Broken] = []
        for piece in pieces:
            found = self.vectors(shard.modality, {name: torch.from_numpy(a) for name, a in piece.arrays.items()})
            vectors = np.zeros((len(shard), found.shape[1]), np.float32) if vectors is None else vectors
            vectors[piece.positions] = found
            broken += piece.broken
        assert vectors is not None
        return _made(shard, vectors, {fault.position: fault for fault in broken})

    def pieces(self, encoder: str, items: Items, readers: int, tokens: bool = False) -> Iterator[Piece]:
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
    found: list[np.ndarray] = []
    broken: dict[int, Broken] = {}
    for begin in range(0, len(shard), _AT_ONCE):
        places, stored = {}, {}
        for part, of_item in shard.places.items():
            used, places[part] = used_of(of_item[begin : begin + _AT_ONCE])
            # where none of them has the part, another item's stands in its place: the model goes by what is present
            refs = tuple(shard.parts[part].refs[i] for i in (used if len(used) else [0]))
            stored[part], faults = _stored(encoding, part, refs, readers)
            for fault in faults:
                for i in (begin + np.flatnonzero(places[part] == fault.position)).tolist():
                    broken.setdefault(i, fault._replace(position=i))
        joint, count = Composite(stored, places), len(next(iter(places.values())))
        for first in range(0, count, encoding.batch_size):
            batch = joint(np.arange(first, min(first + encoding.batch_size, count)))
            found.append(encoding.vectors(shard.modality, batch))
    return _made(shard, np.concatenate(found), broken)


def _stored(encoding: Encoding, part: str, refs: tuple[str, ...], readers: int) -> tuple[Stored, list[Broken]]:
    """Return what an encoder makes of the values of one part, and which cannot be read."""
    fuser: Any = encoding.model.projections[ITEM]
    sink = InMemory(len(refs))
    broken: list[Broken] = []
    items = Items(part, refs, np.arange(len(refs)))
    for piece in encoding.pieces(encoding.model.parts[part], items, readers, fuser.reads_tokens):
        sink.write(piece)
        broken += piece.broken
    features = StoredFeatures.of(sink.arrays, ())
    return Stored(features.name, features.array, features.mask, features.tokens), broken


def _made(shard: Shard, vectors: np.ndarray, broken: Mapping[int, Broken]) -> Made:
    kept = np.setdiff1d(np.arange(len(shard)), list(broken))
    return Made(shard.number, vectors[kept], kept, tuple(sorted(broken.values())))


def model_hash(trained: Trained) -> str:
    """Return a hash of the weights of a run and of its frozen encoders: equal where vectors may meet."""
    total = hashlib.sha256()
    for name, tensor in sorted(trained.model.trained_state().items()):
        total.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    for fact in sorted(trained.model.frozen_fingerprints().items()):
        total.update(repr(fact).encode())
    return total.hexdigest()[:32]


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
