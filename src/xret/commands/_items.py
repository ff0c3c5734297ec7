"""Targets of several parts: what reads each part, where titles come from, and what the parts are worth."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError
from xret.commands._sources import Source
from xret.data.manifest import Manifest
from xret.data.parts import Composite, composed

USE = ("parts", "missing", "lr")
"""Keys of an option of ``items`` that say what an item is made of and how it is trained; the others build the fuser."""

_READ_BY = {"title": "text"}  # parts that have no encoder of their own
PARTS = ("image", "title")
"""What an item may be made of."""


def settings(cfg: DictConfig) -> dict[str, Any]:
    """Return the part of ``items`` that builds the fuser."""
    found = OmegaConf.to_container(cfg["items"])
    assert isinstance(found, dict)
    return {str(name): value for name, value in found.items() if name not in USE}


def towers(cfg: DictConfig) -> dict[str, str]:
    """Return part -> modality of the encoder that reads it.

    Raises:
        UserError: a setting of ``items`` is outside what it may be.
    """
    node = cfg["items"]  # cfg.items is a method of every mapping
    if isinstance(node.parts, str) or not node.parts or len(set(node.parts)) != len(node.parts):
        raise UserError(f"items.parts must be a list of different parts, got {node.parts}")
    if unknown := set(node.parts) - set(PARTS):
        raise UserError(f"items.parts must be out of {', '.join(PARTS)}, got {sorted(unknown)[0]}")
    if not 0 <= node.missing <= 1:
        raise UserError(f"items.missing must be in [0, 1], a share of the items, got {node.missing}")
    if not node.lr > 0:
        raise UserError(f"items.lr must be positive, got {node.lr}")
    found = {str(part): _READ_BY.get(part, part) for part in node.parts}
    for modality in ("text", *found.values()):
        if modality not in cfg.encoder:
            raise UserError(f"items needs an encoder of {modality}; there are {', '.join(map(str, cfg.encoder))}")
    return found


def itemised(cfg: DictConfig, manifest: Manifest, parts: Mapping[str, Source]) -> Source:
    """Return items made of parts; a row whose picture is broken is broken, also where it has a title.

    Args:
        cfg: with ``items``.
        manifest: the rows.
        parts: part -> what gives it.
    """
    known = {m: manifest.items(m) for m in PARTS if m in manifest.modalities}
    items, of_row, places = composed(known, list(parts), manifest.group_ids(), cfg["items"].missing)

    def joint(name: str) -> Composite:
        return Composite({part: getattr(one, name) for part, one in parts.items()}, places)

    broken = {row: why for one in parts.values() for row, why in one.broken.items()}
    sequences = joint("sequences")  # what a fuser reads, it reads in measuring too
    raw = joint("raw")
    training = replace(joint("training"), sample=cfg["items"].get("sample"))
    return Source(items, of_row, sequences, raw, training, sequences, broken)
