"""What gives the items of one modality: stored features, pictures in memory, or reading and tokenising."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._needs import Needs
from xret.data.cache import FeatureCache
from xret.data.encoding import all_pictures, features, unreadable
from xret.data.features import Broken
from xret.data.manifest import Items, Manifest, Rejected
from xret.data.parts import Composite
from xret.data.providers import ImageProvider, KeptPictures, Stored, TextProvider

log = logging.getLogger(__name__)

Provider = Stored | TextProvider | ImageProvider | KeptPictures | Composite


@dataclass(frozen=True)
class Source:
    """The items of one modality, made ready for its encoder.

    Attributes:
        items: the different ones.
        of_row: (R,) item of each row, -1 where it has none.
        given: gives tensors for items to measure.
        raw: the same from raw input, always.
        training: the same for training.
        sequences: the same with tokens beside the vector, where a switch needs them.
        broken: row -> why it cannot be used.
    """

    items: Items
    of_row: np.ndarray
    given: Provider
    raw: Provider
    training: Provider
    sequences: Provider
    broken: dict[int, Rejected]


def feature_cache(cfg: DictConfig) -> FeatureCache:
    """Return the cache that ``cfg.cache`` names."""
    return FeatureCache(Path(cfg.cache.dir) if cfg.cache.dir else None, cfg.cache.max_gb)


def source(
    cfg: DictConfig,
    manifest: Manifest,
    modality: str,
    encoder: Any,  # noqa: ANN401 - an encoder
    needs: Needs,
    keep_pictures: bool,
) -> Source:
    """Encode the items of a modality if its encoder is frozen, or check what will be read.

    Args:
        cfg: with ``cache`` and ``batch``.
        manifest: the rows.
        modality: of them that is read.
        encoder: that reads it.
        needs: what the switches want of each modality.
        keep_pictures: read pictures once, and keep them in memory for as long as encoders read them.

    Raises:
        UserError: no row has that modality.
    """
    if modality not in manifest.modalities:
        raise UserError(f"{manifest.name} has no {modality}; it has {', '.join(manifest.modalities)}")
    items, of_row = manifest.items(modality)
    readable = replace(items, modality=encoder.modality)  # a title is a text
    root, workers = manifest.root, cfg.batch.workers
    raw: Provider = reader(encoder, readable, root)
    kept: Provider | None = None
    if keep_pictures and modality == "image" and (modality in needs.raw or not can_be_stored(encoder)):
        kept, faults = _kept(encoder, readable, root, workers)
    if can_be_stored(encoder):
        both = modality in needs.tokens and encoder.stores == "vector"
        stored = features(encoder, readable, root, feature_cache(cfg), workers=workers, tokens=both)
        log.info("%s: %d features %s", modality, len(items), "encoded" if stored.fresh else "from the cache")
        whole = Stored(stored.name, stored.array, stored.mask, stored.tokens)
        given: Provider = whole.without_tokens()
        sequences: Provider = whole
        faults = stored.broken
    else:
        given = sequences = raw if kept is None else kept
        faults = faults if kept is not None else _screened(encoder, readable, root, workers)
    training = (raw if kept is None else kept) if modality in needs.raw else sequences
    return Source(items, of_row, given, raw, training, sequences, _broken(manifest, of_row, faults))


def _broken(manifest: Manifest, of_row: np.ndarray, faults: tuple[Broken, ...]) -> dict[int, Rejected]:
    """Return row -> why it cannot be used, for the rows whose item is broken."""
    reasons = {fault.position: fault for fault in faults}
    found = {}
    for row in np.flatnonzero(np.isin(of_row, list(reasons))).tolist():
        fault = reasons[int(of_row[row])]
        found[row] = Rejected(manifest.rows[row].id, fault.reason, fault.detail)
    return found


def can_be_stored(encoder: Any) -> bool:  # noqa: ANN401 - an encoder
    """Tell whether what the encoder computes up to its stored tensor has no trained parameter."""
    return bool(encoder.frozen) or encoder.stores == "tokens"


def reader(encoder: Any, items: Items, root: Path) -> Provider:  # noqa: ANN401 - an encoder
    """Return what reads items from raw input, as an encoder wants them."""
    if items.modality == "text":
        return TextProvider(items.refs, encoder.collate)
    return ImageProvider(root, items.refs, encoder.image_px, encoder.fit, encoder.collate)


def _kept(
    encoder: Any,  # noqa: ANN401 - an encoder
    items: Items,
    root: Path,
    workers: int,
) -> tuple[KeptPictures, tuple[Broken, ...]]:
    array, faults = all_pictures(items, root, encoder.image_px, encoder.fit, workers)
    log.info("image: %d pictures kept in memory, %.0f MB", len(array), array.nbytes / 1e6)
    return KeptPictures(array, encoder.collate), faults


def _screened(encoder: Any, items: Items, root: Path, workers: int) -> tuple[Broken, ...]:  # noqa: ANN401 - an encoder
    if items.modality == "text":
        return ()
    return unreadable(items, root, encoder.image_px, encoder.fit, workers)
