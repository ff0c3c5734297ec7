"""Items in, features of a frozen encoder out: reading files overlaps with encoding."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from xret._errors import UserError
from xret.data.cache import FeatureCache
from xret.data.features import Broken, Piece, StoredFeatures
from xret.data.manifest import Items, media_path
from xret.data.reading import BrokenMedia, read_image
from xret.data.watching import watched

log = logging.getLogger(__name__)

_HALF_MAX = np.float32(np.finfo(np.float16).max)
Change = Callable[[np.ndarray, int], np.ndarray]


def features(
    encoder: Any,  # noqa: ANN401 - an encoder as `xret.encoder` describes it
    items: Items,
    root: Path,
    cache: FeatureCache,
    batch_size: int = 64,
    workers: int = 2,
    progress: bool = True,
    change: Change | None = None,
    tokens: bool = False,
) -> StoredFeatures:
    """Return what a frozen encoder gives for all items, from the cache where it is there.

    Args:
        encoder: of the items' modality.
        items: N items.
        root: folder that media references are relative to.
        cache: where features are kept.
        batch_size: items encoded at once.
        workers: processes that read files; 0 reads in this one.
        progress: show rate and time left.
        change: of pictures, before they are encoded; its ``repr`` must say all that decides what it does.
        tokens: store the tokens beside the vector, in half precision: an entry of its own.

    Raises:
        UserError: no reader for the modality, or the encoder gives no tokens.
    """
    facts = [str(encoder.fingerprint()), encoder.stores, *(["tokens beside"] if tokens else [])]
    facts += reading_facts(encoder, items)
    if change is not None:
        facts += [repr(change), metadata.version("torchvision")]
    if (runtime := getattr(encoder, "runtime", "torch")) != "torch":
        facts.append(f"runtime {runtime}")

    def make() -> Iterator[Piece]:
        return encode_items(items, root, encoder, batch_size, workers, progress, change, tokens)

    return cache.get("|".join(facts), items, root, make)


def reading_facts(encoder: Any, items: Items) -> list[str]:  # noqa: ANN401 - an encoder, or what stands for one
    """Return what decides how raw items become tensors, for a key of the cache."""
    if items.modality == "image":
        return [str(encoder.image_px), encoder.fit, *_reader_versions()]
    return []


def encode_items(
    items: Items,
    root: Path,
    encoder: Any,  # noqa: ANN401 - an encoder as `xret.encoder` describes it
    batch_size: int = 64,
    workers: int = 2,
    progress: bool = True,
    change: Change | None = None,
    tokens: bool = False,
) -> Iterator[Piece]:
    """Encode all items, each once; texts from the longest to the shortest, so that little is padding.

    The same items give the same batches. The global random state is left alone. Pictures that cannot be read get zeros
    and are named in their piece. Features of padding are zero.

    Args:
        items: N items.
        root: folder that media references are relative to.
        encoder: of the items' modality; encodes in eval mode, without gradient.
        batch_size: items encoded at once.
        workers: processes that read files; 0 reads in this one.
        progress: show rate and time left.
        change: of pictures, (picture, position) -> picture, in the process that reads them.
        tokens: give the tokens in half precision beside the vector.

    Raises:
        UserError: no reader for the modality, or the encoder gives no tokens.
    """
    if items.modality == "text":
        raw: Iterable[_Raw] = _texts(items, batch_size)
    elif items.modality == "image":
        raw = _loader(_Pictures(root, items.refs, encoder.image_px, encoder.fit, batch_size, change=change), workers)
    else:
        raise UserError(f"there is no reader for {items.modality}; xret reads text and images")
    training = encoder.training
    encoder.eval()
    try:
        for part in watched(raw, len(items), f"encoding {items.modality}", len) if progress else raw:
            yield _encoded(encoder, part, tokens)
    finally:
        encoder.train(training)


def pictures(
    refs: Sequence[str], root: Path, image_px: int, fit: str, batch_size: int, workers: int = 2, progress: bool = True
) -> Iterator[tuple[np.ndarray, list[np.ndarray], tuple[Broken, ...]]]:
    """Read pictures by the batch, in processes of their own.

    Args:
        refs: N media references.
        root: folder that they are relative to.
        image_px: see `xret.data.reading.read_image`.
        fit: see `xret.data.reading.read_image`.
        batch_size: pictures at a time.
        workers: processes that read; 0 reads in this one.
        progress: show rate and time left.

    Yields:
        Positions (B,); B pictures (3, H, W) uint8, zero where they cannot be read; and which these are.
    """
    raw = _loader(_Pictures(root, tuple(refs), image_px, fit, batch_size), workers)
    for part in watched(raw, len(refs), "pictures", len) if progress else raw:
        yield part.positions, part.content, part.broken


def unreadable(
    items: Items, root: Path, image_px: int, fit: str, workers: int = 2, progress: bool = True
) -> tuple[Broken, ...]:
    """Read all pictures once and return those that cannot be read.

    Args:
        items: N pictures.
        root: folder that their references are relative to.
        image_px: see `xret.data.reading.read_image`.
        fit: see `xret.data.reading.read_image`.
        workers: processes that read; 0 reads in this one.
        progress: show rate and time left.
    """
    raw = _loader(_Pictures(root, items.refs, image_px, fit, batch_size=32, keep=False), workers)
    parts = watched(raw, len(items), "checking image", len) if progress else raw
    return tuple(sorted(broken for part in parts for broken in part.broken))


def all_pictures(
    items: Items, root: Path, image_px: int, fit: str, workers: int = 2, progress: bool = True
) -> tuple[np.ndarray, tuple[Broken, ...]]:
    """Read all pictures once and return them, (N, 3, image_px, image_px) uint8, and those that cannot be read.

    Args:
        items: N pictures.
        root: folder that their references are relative to.
        image_px: see `xret.data.reading.read_image`.
        fit: see `xret.data.reading.read_image`.
        workers: processes that read; 0 reads in this one.
        progress: show rate and time left.
    """
    raw = _loader(_Pictures(root, items.refs, image_px, fit, batch_size=32), workers)
    found = np.zeros((len(items), 3, image_px, image_px), np.uint8)
    broken: list[Broken] = []
    for part in watched(raw, len(items), "reading image", len) if progress else raw:
        found[part.positions] = np.stack(part.content)
        broken.extend(part.broken)
    return found, tuple(sorted(broken))


@dataclass(frozen=True)
class _Raw:
    """Items as they are read: texts, or (3, H, W) uint8 pictures."""

    positions: np.ndarray
    content: list[Any]
    broken: tuple[Broken, ...] = ()

    def __len__(self) -> int:
        return len(self.positions)


@dataclass(frozen=True)
class _Pictures(Dataset[_Raw]):
    """Pictures by the batch; what cannot be read is zero, and named."""

    root: Path
    refs: tuple[str, ...]
    image_px: int
    fit: str
    batch_size: int
    keep: bool = True
    change: Change | None = None

    def __len__(self) -> int:
        return -(-len(self.refs) // self.batch_size)

    def __getitem__(self, batch: int) -> _Raw:
        begin = batch * self.batch_size
        positions = np.arange(begin, min(begin + self.batch_size, len(self.refs)))
        pictures, broken = [], []
        for i in positions.tolist():
            ref = self.refs[i]
            try:
                picture = read_image(media_path(self.root, ref), ref.partition("#")[2], self.image_px, self.fit)
                if self.change is not None:
                    picture = self.change(picture, i)
            except BrokenMedia as error:
                broken.append(Broken(i, error.reason, error.detail))
                picture = np.zeros((3, self.image_px, self.image_px), np.uint8)
            pictures.append(picture)
        return _Raw(positions, pictures if self.keep else [], tuple(broken))


def _texts(items: Items, batch_size: int) -> Iterator[_Raw]:
    order = np.argsort([-len(text) for text in items.refs], kind="stable")
    for begin in range(0, len(order), batch_size):
        positions = order[begin : begin + batch_size]
        yield _Raw(positions, [items.refs[i] for i in positions])


def _loader(pictures: _Pictures, workers: int) -> Iterable[_Raw]:
    loader: DataLoader[_Raw] = DataLoader(
        pictures,
        batch_size=None,
        num_workers=min(workers, len(pictures)),
        collate_fn=_as_it_is,  # arrays travel through a pipe: shared memory may be small in a container
        generator=torch.Generator(),  # else the loader draws from the global one, and a warm cache changes the run
    )
    return loader


def _as_it_is(part: Any) -> Any:  # noqa: ANN401 - the loader takes only such a function
    return part


@torch.inference_mode()
def _encoded(encoder: Any, part: _Raw, beside: bool = False) -> Piece:  # noqa: ANN401 - an encoder
    parameter = next(encoder.parameters(), None)
    device = torch.device("cpu") if parameter is None else parameter.device
    inputs = {name: _placed(tensor, device) for name, tensor in encoder.collate(part.content).items()}
    encoded = encoder(inputs)
    arrays = {} if encoder.stores == "tokens" else {"vector": _array(encoded.vector)}
    if beside or encoder.stores == "tokens":
        if encoded.tokens is None:
            raise UserError(f"the {encoder.modality} encoder gives no tokens; choose another one, or fusion=none")
        tokens = _array(encoded.tokens)
        mask = np.ones(tokens.shape[:2], bool) if encoded.mask is None else encoded.mask.bool().cpu().numpy()
        arrays |= {"tokens": np.where(mask[:, :, None], tokens, np.float32(0)), "mask": mask}
    if "vector" in arrays and "tokens" in arrays:
        arrays["tokens"] = np.clip(arrays["tokens"], -_HALF_MAX, _HALF_MAX).astype(np.float16)
    lost = np.isin(part.positions, [broken.position for broken in part.broken])
    for array in arrays.values():
        if lost.any() and array.dtype != bool:
            array[lost] = 0
    return Piece(part.positions, arrays, part.broken)


def _placed(tensor: Tensor, device: torch.device) -> Tensor:
    if tensor.ndim == 4:
        return tensor.to(device).contiguous(memory_format=torch.channels_last)
    return tensor.to(device)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.float().cpu().numpy().copy()


def _reader_versions() -> list[str]:
    """Return the versions of the libraries that decide what pixels a picture has."""
    found = []
    for package in ("pillow", "resvg-py"):
        try:
            found.append(metadata.version(package))
        except metadata.PackageNotFoundError:
            found.append("none")
    return found
