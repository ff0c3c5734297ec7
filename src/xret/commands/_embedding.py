"""From items to shards of unit vectors, with the encoders of a trained run."""

import hashlib
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from xret._errors import UserError
from xret.commands._trained import Trained
from xret.data.encoding import encode_items
from xret.data.features import Piece
from xret.data.manifest import WORDS, Items, Manifest, media_path
from xret.model.dual_encoder import DualEncoder
from xret.run.vectors import Item, VectorFolder

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Done:
    """What came of one modality: how many items, in how many shards, of what length."""

    items: int
    shards: int
    dim: int


def model_hash(trained: Trained) -> str:
    """Return a hash of the weights of a run and of its frozen encoders: equal where vectors may meet."""
    total = hashlib.sha256()
    for name, tensor in sorted(trained.model.trained_state().items()):
        total.update(name.encode() + tensor.detach().cpu().contiguous().numpy().tobytes())
    for fact in sorted(trained.model.frozen_fingerprints().items()):
        total.update(repr(fact).encode())
    return total.hexdigest()[:32]


def modalities(model: DualEncoder, manifest: Manifest, asked: Sequence[str] | None) -> list[str]:
    """Return which modalities to embed.

    Raises:
        UserError: run or data lack one that was asked for, or they have none in common.
    """
    common = [m for m in manifest.modalities if m in model.modalities]
    for modality in asked or ():
        if modality not in common:
            raise UserError(f"modalities: run and data have {', '.join(common) or 'none'} in common, got {modality}")
    if not common:
        raise UserError(f"{manifest.name} has {', '.join(manifest.modalities)}, the run {', '.join(model.modalities)}")
    return list(asked or common)


def embed_modality(
    model: DualEncoder,
    modality: str,
    manifest: Manifest,
    folder: VectorFolder,
    shard_size: int,
    batch_size: int = 64,
    workers: int = 2,
) -> Done:
    """Write the vectors of all items of a modality; shards that are there stay. What cannot be read is left out.

    Raises:
        UserError: nothing can be read, or the disk is full.
    """
    whole, _ = manifest.items(modality)
    known = described(manifest, modality)
    count = -(-len(whole) // shard_size)
    for shard in range(count):
        where = slice(shard * shard_size, (shard + 1) * shard_size)
        if folder.has(modality, shard):
            continue
        part = Items(modality, whole.refs[where], whole.groups[where])
        vectors, kept = encode(model, modality, part, manifest.root, batch_size, workers)
        folder.write(modality, shard, vectors, [known[where.start + i] for i in kept.tolist()])
    shapes = [np.load(path, mmap_mode="r").shape for path in sorted((folder.path / modality).glob("*.npy"))[:count]]
    total = sum(shape[0] for shape in shapes)
    if not total:
        raise UserError(f"{manifest.name} has no {modality} that can be read")
    return Done(total, count, shapes[0][1])


@torch.inference_mode()
def encode(
    model: DualEncoder, modality: str, items: Items, root: Path, batch_size: int = 64, workers: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return the unit vectors (K, D) float32 of the items that can be read, and which they are, (K,) int64."""
    device = next(model.parameters()).device
    vectors: np.ndarray | None = None
    lost: list[int] = []
    for piece in encode_items(items, root, model.encoders[modality], batch_size, workers, len(items) > batch_size):
        found = _projected(model, modality, piece, device)
        vectors = np.zeros((len(items), found.shape[1]), np.float32) if vectors is None else vectors
        vectors[piece.positions] = found
        lost += [broken.position for broken in piece.broken]
        for broken in piece.broken:
            log.warning("left out: %s: %s, %s", items.refs[broken.position], broken.reason, broken.detail)
    assert vectors is not None
    kept = np.setdiff1d(np.arange(len(items)), lost)
    return vectors[kept], kept


def _projected(model: DualEncoder, modality: str, piece: Piece, device: torch.device) -> np.ndarray:
    inputs = {name: torch.from_numpy(array).to(device) for name, array in piece.arrays.items()}
    array: np.ndarray = model.encode(modality, inputs).vector.float().cpu().numpy()
    return array


def described(manifest: Manifest, modality: str) -> list[Item]:
    """Return what each item of a modality stands for, by the first row that holds it."""
    whole, of_row = manifest.items(modality)
    found: dict[int, Item] = {}
    for row, item in zip(manifest.rows, of_row.tolist(), strict=True):
        if item < 0 or item in found:
            continue
        ref = whole.refs[item]
        path = "" if modality in WORDS else str(media_path(manifest.root, ref).resolve())
        layer = ref.partition("#")[2]
        text = ref if modality in WORDS else row.inputs.get("text", "")
        attributes = dict(row.attributes)
        found[item] = Item(
            row.id, text, f"{path}#{layer}" if path and layer else path, row.group, row.split or "", attributes
        )
    return [found[i] for i in range(len(whole))]
