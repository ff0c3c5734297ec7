"""From a config to the objects of a run: what `train` and `evaluate` have in common."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._items import itemised, settings, towers
from xret.commands._matcher import is_on, scorer, token_width
from xret.commands._needs import NOTHING, Needs, has_items, needs_tokens
from xret.commands._sources import Provider, Source, source
from xret.data.augmented import Augmented
from xret.data.batch import Extra, PairDataset
from xret.data.faults import settle
from xret.data.manifest import Items, Manifest, Rejected
from xret.data.parts import ITEM, Composite
from xret.data.providers import Stored
from xret.model.dual_encoder import DualEncoder

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


def given(cfg: DictConfig, unpaired: bool = False) -> Manifest:
    """Return the rows of ``data``, with titles where items have them and the source knows how to make some.

    Args:
        cfg: with ``data``.
        unpaired: also those that hold one modality alone, where the source knows how to give them.
    """
    origin = build(cfg.data, "data")
    if has_items(cfg) and hasattr(origin, "titled"):
        origin = origin.titled()
    load = getattr(origin, "load_unpaired", origin.load) if unpaired else origin.load
    manifest: Manifest = load()
    return manifest


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
    if has_items(cfg):
        return _model_of_parts(cfg)
    encoders = {m: build(node, f"encoder.{m}") for m, node in cfg.encoder.items() if m != "projection"}
    heads = {m: build(cfg.encoder.projection, "encoder.projection", in_dim=e.width) for m, e in encoders.items()}
    if not is_on(cfg):
        return DualEncoder(encoders, heads)
    widths = {m: token_width(e) for m, e in encoders.items()}
    return DualEncoder(encoders, heads, build(scorer(cfg), "fusion", widths=widths), cfg.fusion.lr)


def _model_of_parts(cfg: DictConfig) -> DualEncoder:
    """Build the model of texts and of items of several parts; an encoder that reads no part is not built."""
    parts = towers(cfg)
    encoders = {m: build(cfg.encoder[m], f"encoder.{m}") for m in dict.fromkeys(("text", *parts.values()))}

    def head(encoder: Any) -> Any:  # noqa: ANN401 - a projection on an encoder
        return build(cfg.encoder.projection, "encoder.projection", in_dim=encoder.width)

    text = head(encoders["text"])
    found: dict[str, Any] = {"projections": {part: head(encoders[tower]) for part, tower in parts.items()}}
    if needs_tokens(cfg):
        found["widths"] = {part: token_width(encoders[tower]) for part, tower in parts.items()}
    fuser = build({**settings(cfg), "_convert_": "all"}, "items", **found)
    return DualEncoder(encoders, {"text": text, ITEM: fuser}, parts=parts, parts_lr=cfg["items"].lr)


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
        """Modality -> (N, D) stored vectors of a frozen encoder, where there are any; of an item those of its parts."""
        found = {m: p.array for m, p in self.given.items() if isinstance(p, Stored) and p.name == "vector"}
        item = self.given.get(ITEM)
        if isinstance(item, Composite) and item.has_vectors:
            found[ITEM] = item.joined(self.of_row[ITEM][self.rows("train")])
        return found

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


def prepare(
    cfg: DictConfig, manifest: Manifest, model: DualEncoder, needs: Needs = NOTHING, keep_pictures: bool = False
) -> Prepared:
    """Encode what is frozen, or check what will be read; drop the rows whose files are broken or missing.

    Args:
        cfg: with ``cache``, ``batch`` and ``data``; with ``items`` where the model has parts.
        manifest: the rows.
        model: whose encoders read them.
        needs: what the switches want of each modality.
        keep_pictures: read pictures once, and keep them in memory for as long as encoders read them.

    Raises:
        UserError: a row is broken and ``data.on_error`` is "fail", or nothing is left.
    """

    def read(modality: str, encoder: str) -> Source:
        return source(cfg, manifest, modality, model.encoders[encoder], needs, keep_pictures)

    found = {m: read(m, m) for m in model.modalities if m != ITEM}
    if model.parts:
        found[ITEM] = itemised(cfg, manifest, {part: read(part, encoder) for part, encoder in model.parts.items()})
    broken: dict[int, Rejected] = {}
    for modality, one in found.items():
        without = np.flatnonzero(one.of_row < 0).tolist()
        lacking = {row: Rejected(manifest.rows[row].id, "empty", f"no {modality}") for row in without}
        broken = {**broken, **{row: why for row, why in {**lacking, **one.broken}.items() if row not in broken}}
    usable = np.array([i for i in range(len(manifest.rows)) if i not in broken], dtype=np.int64)
    if broken:
        rows = tuple(manifest.rows[i] for i in usable)
        manifest = replace(manifest, rows=rows, rejected=(*manifest.rejected, *broken.values()))
    return Prepared(
        manifest=settle(manifest, cfg.data.on_error),
        items={m: one.items for m, one in found.items()},
        of_row={m: one.of_row[usable] for m, one in found.items()},
        given={m: one.given for m, one in found.items()},
        raw={m: one.raw for m, one in found.items()},
        training={m: one.training for m, one in found.items()},
        sequences={m: one.sequences for m, one in found.items()},
    )
