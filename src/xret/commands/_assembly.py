"""From a config to the objects of a run: what `train` and `evaluate` have in common."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._matcher import is_on, scorer, token_width
from xret.commands._needs import NOTHING, Needs
from xret.data.augmented import Augmented
from xret.data.batch import Extra, ImageProvider, KeptPictures, PairDataset, Stored, TextProvider
from xret.data.cache import FeatureCache
from xret.data.encoding import all_pictures, features, unreadable
from xret.data.faults import settle
from xret.data.features import Broken
from xret.data.manifest import Items, Manifest, Rejected
from xret.model.dual_encoder import DualEncoder

log = logging.getLogger(__name__)

Provider = Stored | TextProvider | ImageProvider | KeptPictures

_TRUSTED = ("xret.", "torch.optim.", "pytorch_lightning.Trainer", "pytorch_lightning.loggers.")


def build(node: Any, where: str, **arguments: object) -> Any:  # noqa: ANN401 - whatever the config names
    """Instantiate a node of the config.

    Args:
        node: with a ``_target_``.
        where: its key, for the message.
        arguments: what the config cannot know.

    Raises:
        UserError: the constructor refused an argument.
    """
    try:
        return instantiate(node, **arguments)
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, UserError):
            raise cause from error
        if isinstance(cause, ValueError | TypeError):
            raise UserError(f"{where}: {cause}") from error
        raise UserError(f"{where}: {str(error).splitlines()[0]}") from error


def trusted(packages: Sequence[str]) -> tuple[str, ...]:
    """Return the prefixes of classes that a config may name: ours, and those of packages the user trusts."""
    return (*_TRUSTED, *(f"{package}." for package in packages))


def refuse_strangers(node: Any, allowed: tuple[str, ...], key: str = "") -> None:  # noqa: ANN401 - a tree
    """Refuse a config from elsewhere that names a class outside the allow-list.

    Raises:
        UserError: naming key and class.
    """
    if isinstance(node, Mapping):
        target = node.get("_target_")
        if target is not None and not str(target).startswith(allowed):
            raise UserError(f"{key}: _target_ {target} is not trusted; trust=[{str(target).split('.')[0]}] allows it")
        for name, child in node.items():
            refuse_strangers(child, allowed, f"{key}.{name}".lstrip("."))
    elif isinstance(node, list | tuple):
        for child in node:
            refuse_strangers(child, allowed, key)


def build_model(cfg: DictConfig) -> DualEncoder:
    """Build encoders, projections and matcher; ``cfg.encoder`` holds one node per modality and ``projection``."""
    encoders = {m: build(node, f"encoder.{m}") for m, node in cfg.encoder.items() if m != "projection"}
    heads = {m: build(cfg.encoder.projection, "encoder.projection", in_dim=e.width) for m, e in encoders.items()}
    if not is_on(cfg):
        return DualEncoder(encoders, heads)
    widths = {m: token_width(e) for m, e in encoders.items()}
    return DualEncoder(encoders, heads, build(scorer(cfg), "fusion", widths=widths), cfg.fusion.lr)


@dataclass(frozen=True)
class Prepared:
    """A data set made ready for one model.

    Attributes:
        manifest: the rows that can be used, every one with a split.
        items: modality -> its unique items.
        of_row: modality -> (R,) item of each row.
        given: modality -> what gives tensors for items to measure: stored features, or reading and tokenising.
        raw: modality -> the same from raw input, always.
        training: modality -> the same for training: `given`, but where a switch needs raw input or tokens.
        sequences: modality -> the same with tokens beside the vector, where a switch needs them.
        partner: rows that were mismatched on purpose -> the row whose partner they hold; see `noise`.
        target: the domain that the model is adapted to, made ready for it too.
        augment: makes the tensors of training batches in place of `training`, where augmentation is on.
    """

    manifest: Manifest
    items: dict[str, Items]
    of_row: dict[str, np.ndarray]
    given: dict[str, Provider]
    raw: dict[str, Provider]
    training: dict[str, Provider]
    sequences: dict[str, Provider]
    target: "Prepared | None" = None
    augment: Augmented | None = None
    partner: dict[int, int] = field(default_factory=dict)

    @property
    def features(self) -> dict[str, np.ndarray]:
        """Modality -> (N, D) stored vectors of a frozen encoder, where there are any."""
        return {m: p.array for m, p in self.given.items() if isinstance(p, Stored) and p.name == "vector"}

    def rows(self, split: str) -> np.ndarray:
        """Return the positions of a split's rows."""
        return np.array([i for i, row in enumerate(self.manifest.rows) if row.split == split], dtype=np.int64)

    def split(self, name: str) -> tuple[dict[str, Items], dict[str, np.ndarray]]:
        """Return the items of a split by modality, and where each stands among all items.

        Raises:
            UserError: the split is empty.
        """
        rows = self.rows(name)
        if not len(rows):
            counts = {s: len(self.rows(s)) for s in dict.fromkeys(str(row.split) for row in self.manifest.rows)}
            raise UserError(f"{self.manifest.name} has no rows in the split {name!r}; it has {counts}")
        found = {m: np.unique(of_row[rows][of_row[rows] >= 0]) for m, of_row in self.of_row.items()}
        items = {}
        for modality, where in found.items():
            whole, held = self.items[modality], np.bincount(self.of_row[modality][rows].clip(0))
            refs = tuple(whole.refs[i] for i in where)
            items[modality] = Items(modality, refs, whole.groups[where], held[where])
        return items, found

    def dataset(self, extras: Mapping[str, Extra] | None = None, seed: int = 0) -> PairDataset:
        """Return all pairs as a data set that gives whole batches for training.

        Args:
            extras: name -> what `Batch.extra` holds under that name; see `PairDataset`.
            seed: of what is drawn for a batch.
        """
        domains = {name: i for i, name in enumerate(dict.fromkeys(row.domain for row in self.manifest.rows))}
        return PairDataset(
            self.training,
            self.of_row,
            groups=self.manifest.group_ids(),
            weights=np.array([row.weight for row in self.manifest.rows], dtype=np.float32),
            domains=np.array([domains[row.domain] for row in self.manifest.rows], dtype=np.int64),
            extras=extras,
            seed=seed,
            augment=self.augment,
        )


def feature_cache(cfg: DictConfig) -> FeatureCache:
    """Return the cache that ``cfg.cache`` names."""
    return FeatureCache(Path(cfg.cache.dir) if cfg.cache.dir else None, cfg.cache.max_gb)


def prepare(
    cfg: DictConfig, manifest: Manifest, model: DualEncoder, needs: Needs = NOTHING, keep_pictures: bool = False
) -> Prepared:
    """Encode what is frozen, or check what will be read; drop the rows whose files are broken.

    Args:
        cfg: with ``cache``, ``batch`` and ``data``.
        manifest: the rows.
        model: whose encoders read them.
        needs: what the switches want of each modality.
        keep_pictures: read pictures once, and keep them in memory for as long as encoders read them.

    Raises:
        UserError: a row is broken and ``data.on_error`` is "fail", or nothing is left.
    """
    cache = feature_cache(cfg)
    given: dict[str, Provider] = {}
    raw: dict[str, Provider] = {}
    kept: dict[str, Provider] = {}
    sequences: dict[str, Provider] = {}
    items: dict[str, Items] = {}
    of_row: dict[str, np.ndarray] = {}
    broken: dict[int, Rejected] = {}
    for modality in model.encoders:
        if modality not in manifest.modalities:
            raise UserError(f"{manifest.name} has no {modality}; it has {', '.join(manifest.modalities)}")
        encoder: Any = model.encoders[modality]
        items[modality], of_row[modality] = manifest.items(modality)
        raw[modality] = reader(encoder, items[modality], manifest.root)
        if keep_pictures and modality == "image" and (modality in needs.raw or not can_be_stored(encoder)):
            kept[modality], faults = _kept(encoder, items[modality], manifest.root, cfg.batch.workers)
        if can_be_stored(encoder):
            both = modality in needs.tokens and encoder.stores == "vector"
            stored = features(encoder, items[modality], manifest.root, cache, workers=cfg.batch.workers, tokens=both)
            log.info(
                "%s: %d features %s", modality, len(items[modality]), "encoded" if stored.fresh else "from the cache"
            )
            whole = Stored(stored.name, stored.array, stored.mask, stored.tokens)
            given[modality], sequences[modality], faults = whole.without_tokens(), whole, stored.broken
        elif modality in kept:
            given[modality] = sequences[modality] = kept[modality]
        else:
            given[modality] = sequences[modality] = raw[modality]
            faults = _screened(encoder, items[modality], manifest.root, cfg.batch.workers)
        reasons = {fault.position: fault for fault in faults}
        for row in np.flatnonzero(np.isin(of_row[modality], list(reasons))).tolist():
            fault = reasons[int(of_row[modality][row])]
            broken.setdefault(row, Rejected(manifest.rows[row].id, fault.reason, fault.detail))
    if broken:
        usable = np.array([i for i in range(len(manifest.rows)) if i not in broken], dtype=np.int64)
        rows = tuple(manifest.rows[i] for i in usable)
        manifest = replace(manifest, rows=rows, rejected=(*manifest.rejected, *broken.values()))
        of_row = {modality: places[usable] for modality, places in of_row.items()}
    training = {m: kept.get(m, raw[m]) if m in needs.raw else provider for m, provider in sequences.items()}
    return Prepared(settle(manifest, cfg.data.on_error), items, of_row, given, raw, training, sequences)


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
