"""``xret dirty``: plant known dirt in a data set, into a table to clean, to train on and to score a cleaner by."""

import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.commands._dirt import Dirty
    from xret.data.manifest import Manifest, Row
    from xret.dirt.recipe import Recipe

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Write ``pairs.csv`` and its pictures, ``dirt.csv`` that tells what was planted, and ``dirt.json`` with hashes."""
    from xret.commands._assembly import build
    from xret.data.split import first_groups

    folder = Path(HydraConfig.get().runtime.output_dir)
    if (folder / "pairs.csv").exists():
        raise UserError(f"{folder} holds pairs.csv already; choose another folder with hydra.run.dir=DIR")
    if cfg.workers < 0:
        raise UserError(f"workers must not be negative, got {cfg.workers}; 0 works in one process")
    recipe = build(cfg.dirt, "dirt")
    manifest: Manifest = build(cfg.data, "data").load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    folder.mkdir(parents=True, exist_ok=True)
    settings = {"data": manifest.name, "data_hash": manifest.digest(), "dirt": OmegaConf.to_container(cfg.dirt)}
    found = dirty_into(folder, recipe, manifest, cfg.workers, settings)
    counts = ", ".join(f"{count} {kind}" for kind, count in found["planted"].items())
    print(f"{len(manifest.rows)} pairs, {found['rows']} of them dirty: {counts}")
    print(f"next: python -m xret train data=table data.path={folder / 'pairs.csv'}")


def dirty_into(
    folder: Path, recipe: "Recipe", manifest: "Manifest", workers: int, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Write a dirty data set into a folder and return the facts that are in ``dirt.json``, behind ``settings``."""
    from xret.commands._dirt import facts, plant
    from xret.data.writing import table

    dirty = plant(recipe, manifest, folder, workers)
    if dirty.lost:
        log.warning("%d pictures cannot be read and stay as they are", dirty.lost)
    pairs = table(_placed(manifest, dirty, folder))
    found = {**settings, **facts(dirty, pairs, folder)}
    _write(folder / "dirt.csv", dirty.table().encode())
    _write(folder / "dirt.json", (json.dumps(found, indent=2, ensure_ascii=False) + "\n").encode())
    _write(folder / "pairs.csv", pairs)
    return found


def _placed(manifest: "Manifest", dirty: "Dirty", folder: Path) -> "tuple[Row, ...]":
    """Put the media files that stayed as they are beside the table, and return its rows."""
    from xret.data.manifest import WORDS
    from xret.data.writing import place

    stayed = tuple(replace(row, inputs=_originals(row, dirty)) for row in dirty.rows)
    placed = place(replace(manifest, rows=stayed), folder)
    return tuple(
        replace(row, inputs={m: placed[r] if m in kept.inputs and m not in WORDS else r for m, r in row.inputs.items()})
        for row, kept in zip(dirty.rows, stayed, strict=True)
    )


def _originals(row: "Row", dirty: "Dirty") -> dict[str, str]:
    """Return the inputs of a row without a picture that was written anew."""
    return {m: ref for m, ref in row.inputs.items() if m != "image" or ref not in dirty.written}


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(data)
    part.replace(path)
