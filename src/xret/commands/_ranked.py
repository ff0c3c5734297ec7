"""One row of a run's data: its picture and caption, its rank in its split, and the best wrong answer."""

import difflib
from dataclasses import dataclass

import numpy as np
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError
from xret.commands._assembly import Prepared, prepare
from xret.commands._explaining import beside_picture
from xret.commands._made import load
from xret.commands._measure import encode_split
from xret.commands._needs import Needs, needs
from xret.commands._trained import Trained
from xret.data.parts import ITEM
from xret.data.providers import Inputs
from xret.model.dual_encoder import DualEncoder


@dataclass(frozen=True)
class Candidate:
    """A row, as something to explain.

    Attributes:
        id: of the row.
        text: its caption.
        ref: its picture, relative to the root of the data.
        picture: (3, H, W) uint8, as the encoder reads it.
        beside: what stands beside the picture where targets are items, encoded.
    """

    id: str
    text: str
    ref: str
    picture: np.ndarray
    beside: Inputs | None


@dataclass(frozen=True)
class Standing:
    """How a caption's own picture stands among the pictures of its split.

    Attributes:
        split: of the row.
        rank: of the first right answer, from 1; a wrong one with the same score stands before it.
        targets: pictures (items) that were ranked.
        rival: row of the best wrong answer; None where all answers are right.
    """

    split: str
    rank: int
    targets: int
    rival: int | None


def prepared_for(cfg: DictConfig, trained: Trained) -> Prepared:
    """Return the data of a run, or ``cfg.data``, made ready for its model."""
    stored = trained.cfg
    settings = OmegaConf.create({**stored, "batch": cfg.batch, "cache": cfg.cache, "limit": None})
    if cfg.get("data") is not None:
        settings.data, settings.dirt, settings.clean = cfg.data, None, None
    return prepare(settings, load(settings), trained.model, Needs(tokens=needs(settings).tokens))


def row_of(prepared: Prepared, name: str) -> int:
    """Return the position of the row with an id.

    Raises:
        UserError: there is none, or it cannot be used.
    """
    manifest = prepared.manifest
    ids = [row.id for row in manifest.rows]
    if name in ids:
        return ids.index(name)
    for rejected in manifest.rejected:
        if rejected.row == name:
            raise UserError(f"the row {name} of {manifest.name} cannot be used ({rejected.reason}: {rejected.detail})")
    near = difflib.get_close_matches(name, ids, n=3)
    hint = f"did you mean {' or '.join(near)}?" if near else f"ids are like {', '.join(ids[:3])}"
    raise UserError(f"{manifest.name} has no row with the id {name!r}; {hint}")


def candidate(model: DualEncoder, prepared: Prepared, row: int) -> Candidate:
    """Return a row with its picture read.

    Raises:
        UserError: the row has no picture.
    """
    target = target_of(model)
    inputs = prepared.raw[target](prepared.of_row[target][[row]])
    prefix = "image." if target == ITEM else ""
    one = prepared.manifest.rows[row]
    if target == ITEM and not bool(inputs["image.present"][0]):
        raise UserError(f"the row {one.id} has no picture; explain needs one")
    picture = inputs[f"{prefix}pixels"][0].numpy()
    beside = beside_picture(model, inputs) if target == ITEM else None
    return Candidate(one.id, one.inputs["text"], one.inputs["image"], picture, beside)


def standing(model: DualEncoder, prepared: Prepared, row: int) -> Standing:
    """Rank the pictures of a row's split for its caption."""
    split, target = str(prepared.manifest.rows[row].split), target_of(model)
    items, places = prepared.split(split)
    vectors = encode_split(model, prepared, split)
    query = int(np.searchsorted(places["text"], prepared.of_row["text"][row]))
    scores = vectors[target] @ vectors["text"][query]
    right = items[target].groups == items["text"].groups[query]
    if right.all():
        return Standing(split, 1, len(scores), None)
    best = scores[right].max(initial=-np.inf)
    rank = 1 + int((scores[~right] >= best).sum())
    wrong = int(places[target][np.where(right, -np.inf, scores).argmax()])
    rows = np.flatnonzero(prepared.of_row[target] == wrong)
    rival = next(int(r) for r in rows if prepared.manifest.rows[r].split == split)
    return Standing(split, rank, len(scores), rival)


def target_of(model: DualEncoder) -> str:
    """Return what captions are asked for: "image", or "item" where targets have several parts."""
    return ITEM if ITEM in model.modalities else "image"
