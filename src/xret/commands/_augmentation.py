"""Augmentation of a run: what is changed anew at each step, and what is made once and stored."""

import hashlib
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any, cast

import numpy as np
from omegaconf import DictConfig

from xret.commands._assembly import Prepared, build
from xret.commands._sources import feature_cache
from xret.data.augmented import Anew, Augmented, Partners, Views
from xret.data.encoding import Change, features
from xret.data.manifest import Items
from xret.data.providers import Stored
from xret.model.dual_encoder import DualEncoder

log = logging.getLogger(__name__)

_OWN, _PAIRS = 11, 12  # set draws of the same seed and version apart


def augment(cfg: DictConfig, prepared: Prepared, model: DualEncoder) -> Prepared:
    """Return the data with its training batches augmented as ``cfg.augmentation`` says; the log says how.

    Raises:
        UserError: an operation cannot do its work.
    """
    if "_target_" not in cfg.augmentation:
        return prepared
    policy = _policy(cfg, model)
    train, groups = prepared.rows("train"), prepared.manifest.group_ids()
    partners = Partners(train, groups, policy.seed)
    sources: dict[str, Any] = {}
    for modality, provider in prepared.training.items():
        of_row = prepared.of_row[modality]
        if not policy.changes(modality) and not policy.pairs:
            sources[modality] = provider
            log.info("augmentation: %s stays as it is", modality)
        elif isinstance(provider, Stored):
            sources[modality] = _Maker(cfg, prepared, model, policy, modality).views(partners)
            log.info("augmentation: %s from %d stored versions of each item", modality, policy.views)
        else:
            sources[modality] = Anew(modality, provider, of_row, policy)
            log.info("augmentation: %s is read and changed anew at each step", modality)
    stored = any(isinstance(source, Views) for source in sources.values())
    given = Augmented(policy, sources, prepared.of_row, groups, partners, policy.views if stored else None)
    return replace(prepared, augment=given)


def _policy(cfg: DictConfig, model: DualEncoder) -> Any:  # noqa: ANN401 - what the config names
    """Build the policy; masking gets the token of the text encoder's tokeniser."""
    node = cfg.augmentation.copy()
    for name, operation in (node.get("text") or {}).items():
        if operation is not None and "token" in operation and operation.token is None:
            collate: Any = getattr(model.encoders["text"], "collate", None) if "text" in model.encoders else None
            operation.token = getattr(getattr(collate, "tokenizer", None), "mask_token", None)
            if operation.token is None:
                log.info("augmentation: text/%s is left out: the tokeniser has no mask token", name)
                node.text[name] = None
    return build(node, "augmentation", _convert_="all")


@dataclass(frozen=True)
class _Changed:
    """Changes a picture after the policy's operations; ``repr`` says all that decides how."""

    operations: tuple[Callable[[Any, np.random.Generator], Any], ...]
    seed: int
    version: int

    def __call__(self, picture: np.ndarray, position: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, self.version, _OWN, position])
        for operation in self.operations:
            picture = operation(picture, rng)
        return picture


@dataclass(frozen=True)
class _Mixed:
    """Mixes a picture with that of its partner; ``digest`` stands for who is whose partner."""

    operation: Any
    seed: int
    version: int
    digest: str
    other: Callable[[int], np.ndarray] = field(repr=False)

    def __call__(self, picture: np.ndarray, position: int) -> np.ndarray:
        rng = np.random.default_rng([self.seed, self.version, _PAIRS, position])
        mixed: np.ndarray = self.operation.image(picture, self.other(position), rng)
        return mixed


@dataclass(frozen=True)
class _Other:
    """Reads the picture of a partner."""

    read: Callable[[int], np.ndarray]
    partner_item: np.ndarray

    def __call__(self, position: int) -> np.ndarray:
        return self.read(int(self.partner_item[position]))


class _Maker:
    """Makes the stored versions of one modality. Items of the test split have none.

    Args:
        cfg: of the run.
        prepared: the data.
        model: whose frozen encoder they are for.
        policy: see `xret.augmentation.policy.Policy`.
        modality: "text" or "image".
    """

    def __init__(self, cfg: DictConfig, prepared: Prepared, model: DualEncoder, policy: Any, modality: str) -> None:  # noqa: ANN401 - what the config names
        self.cfg, self.prepared, self.policy, self.modality = cfg, prepared, policy, modality
        self.encoder: Any = model.encoders[modality]
        self.raw: Any = prepared.raw[modality]
        self.of_row = prepared.of_row[modality]
        self.cache = feature_cache(cfg)

    def views(self, partners: Partners) -> Views:
        """Make, or find in the cache, all versions of the items and of the mixed pairs."""
        policy, train = self.policy, self.prepared.rows("train")
        open_rows = [i for i, row in enumerate(self.prepared.manifest.rows) if row.split != "test"]
        where = np.unique(self.of_row[open_rows])  # val too: with folds, it is training in the next one
        versions, amounts = [], np.zeros((policy.views, len(where)), np.float32)
        for k in range(policy.views if policy.changes(self.modality) else 0):
            stored, amounts[k] = self._own(where, k)
            versions.append(stored)
        mixed = [[self._mixed(train, partners(k), n, k) for k in range(policy.views)] for n in range(len(policy.pairs))]
        original = cast(Stored, self.prepared.training[self.modality])
        return Views(original, versions, where, amounts, mixed, train, self.of_row)

    def _own(self, where: np.ndarray, version: int) -> tuple[Stored, np.ndarray]:
        policy = self.policy
        if self.modality != "text":
            change = _Changed(policy.changes(self.modality), policy.seed, version)
            refs = [self.raw.refs[i] for i in where]
            return self._stored(refs, change), np.ones(len(where), np.float32)
        before = [self.raw.texts[i] for i in where]
        rngs = (np.random.default_rng([policy.seed, version, _OWN, i]) for i in range(len(where)))
        after = [policy.change("text", text, rng) for text, rng in zip(before, rngs, strict=True)]
        return self._stored(after), np.array([policy.words_changed(*pair) for pair in zip(before, after, strict=True)])

    def _mixed(self, train: np.ndarray, partner: np.ndarray, number: int, version: int) -> Stored:
        policy = self.policy
        own = self.of_row[train]
        other = np.where(partner[train] >= 0, self.of_row[partner[train]], own)  # those of -1 are never drawn
        if self.modality != "text":
            digest = hashlib.sha256(other.tobytes()).hexdigest()
            reader = _Other(self.raw.read, other)
            change = _Mixed(policy.pairs[number], policy.seed, version, digest, reader)
            return self._stored([self.raw.refs[i] for i in own], change)
        rngs = (np.random.default_rng([policy.seed, version, _PAIRS, i]) for i in range(len(own)))
        texts = self.raw.texts
        return self._stored(
            [
                policy.mix(number, "text", texts[a], texts[b], rng)
                for a, b, rng in zip(own.tolist(), other.tolist(), rngs, strict=True)
            ]
        )

    def _stored(self, refs: list[str], change: Change | None = None) -> Stored:
        items = Items(self.modality, tuple(refs), np.zeros(len(refs), np.int64))
        root, workers = self.prepared.manifest.root, self.cfg.batch.workers
        found = features(self.encoder, items, root, self.cache, workers=workers, change=change)
        log.info(
            "augmentation: %d %s features %s", len(refs), self.modality, "encoded" if found.fresh else "from the cache"
        )
        return Stored(found.name, found.array, found.mask)
