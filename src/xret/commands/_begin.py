"""The beginning of the projections: at random, or in closed form from stored features."""

import logging
from typing import Any

import torch
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared, build
from xret.commands._matcher import begin_readers
from xret.commands._robust import judged, repeated
from xret.data.parts import ITEM, Composite
from xret.encoder.projection.linear import Linear
from xret.model.belief import Belief
from xret.model.dual_encoder import DualEncoder
from xret.start import Affine
from xret.start.parts import maps_of_parts

log = logging.getLogger(__name__)


def begin(cfg: DictConfig, model: DualEncoder, prepared: Prepared, belief: Belief | None = None) -> float:
    """Set the projections as ``start`` says and return the learning rate they train at.

    Where ``start`` cannot be used (an encoder that trains, a projection that is not linear), that is said in the log
    and they begin at random. Pairs count in it as far as ``belief``, which judges them by it, believes them.

    Raises:
        UserError: the closed form does not exist for these sizes.
    """
    if "_target_" not in cfg.start:
        _unjudged(belief)
        return float(cfg.optimizer.lr)
    linear = {m: p for m, p in _projections(model).items() if isinstance(p, Linear)}
    stored = set(model.modalities) <= set(prepared.features)
    missing = sorted(m for m in _projections(model) if not (m in linear and (stored or m in prepared.features)))
    if missing:
        log.info(
            "start: projections begin at random; %s has no stored vectors or no linear projection",
            " and ".join(missing),
        )
        _unjudged(belief)
        return float(cfg.optimizer.lr)
    start: Any = build(cfg.start, "start")
    rows = prepared.rows("train")
    pairs = {m: array[prepared.of_row[m][rows]] for m, array in prepared.features.items()}
    try:
        known = judged(cfg, start, belief, prepared, pairs)
        if prepared.augment is not None and prepared.augment.policy.start:
            pairs = prepared.augment.with_versions(pairs, rows)  # a version counts as much as its original
            known = repeated(known, len(next(iter(pairs.values()))) // len(rows))
        dim = cfg.encoder.projection.dim
        maps = _maps_of_items(start, prepared, dim, known) if model.parts else start(pairs, dim, **known)
    except ValueError as error:
        raise UserError(str(error)) from error
    if model.matcher is not None:
        items = {m: of[rows] for m, of in prepared.of_row.items()}
        if begin_readers(start, model.matcher, prepared.sequences, items):
            model.reader_lr = float(start.lr)
    for modality, affine in maps.items():
        linear[modality].begin(*(torch.from_numpy(part) for part in affine))
    log.info("start: projections begin in closed form and train at a rate of %g", start.lr)
    return float(start.lr)


def _unjudged(belief: Belief | None) -> None:
    """Say that pairs are not matched anew, where that was asked for and there is no start that could judge them."""
    if belief is not None and hasattr(belief.robust, "match"):
        log.info("robust: no pair is matched anew, which needs start=cca on stored features; training splits them")


def _projections(model: DualEncoder) -> dict[str, Any]:
    """Return the projections by modality; of items those of their parts."""
    found: dict[str, Any] = {m: p for m, p in model.projections.items() if m != ITEM}
    fuser: Any = model.projections[ITEM] if model.parts else None
    return found if fuser is None else found | dict(fuser.projections.items())


def _maps_of_items(start: Any, prepared: Prepared, dim: int, known: dict[str, Any]) -> dict[str, Affine]:  # noqa: ANN401
    """Return the maps of texts and of the parts of items, from the training pairs."""
    rows = prepared.rows("train")
    texts = prepared.features["text"][prepared.of_row["text"][rows]]
    where, item = prepared.of_row[ITEM][rows], prepared.given[ITEM]
    assert isinstance(item, Composite)
    parts = {part: item.vectors(part)[where] for part in item.providers}
    present = {part: there[where] for part, there in item.present().items()}
    query, found = maps_of_parts(start, texts, parts, present, dim, **known)
    return {"text": query, **found}
