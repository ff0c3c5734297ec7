"""The data of a training: as its source gives them, or with dirt planted in them, or cleaned, or both in this order."""

import hashlib
import json
import logging
import shutil
import tempfile
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from xret import __version__
from xret.clean.recipe import KINDS
from xret.commands._assembly import build, given
from xret.commands._cleaned import Plan, clean_into
from xret.commands._sources import feature_cache
from xret.commands.dirty import dirty_into
from xret.data.locking import locked
from xret.data.manifest import Manifest
from xret.data.split import first_groups
from xret.data.table import Table

log = logging.getLogger(__name__)

_DONE = "done"  # is written last


def load(cfg: DictConfig) -> Manifest:
    """Return the rows that ``data``, ``limit``, ``dirt`` and ``clean`` ask for.

    What is dirtied or cleaned is a folder beside the stored features; runs that want the same share it.

    Raises:
        UserError: as the source, the dirt or the cleaning.
    """
    manifest = given(cfg)
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    nodes = {name: cfg[name] for name in ("dirt", "clean") if "_target_" in (cfg.get(name) or {})}
    if not nodes:
        return manifest
    settings = OmegaConf.to_container(OmegaConf.create(nodes), resolve=True)
    key = hashlib.sha256(json.dumps([__version__, settings, manifest.digest()]).encode()).hexdigest()[:32]
    folder = made(feature_cache(cfg).root) / key
    with locked(folder.with_suffix(".lock")):
        if not (folder / _DONE).exists():
            _make(cfg, nodes, manifest, folder)
    last = "clean" if "clean" in nodes else "dirt"
    log.info("data: %s, from %s", " and ".join(nodes), folder / last)
    found = Table(str(folder / last / "pairs.csv")).load()
    return Manifest(manifest.name, found.rows, (*manifest.rejected, *found.rejected), found.root, manifest.licence)


def made(cache: Path) -> Path:
    """Return the folder of data that were made, below that of the cache."""
    return cache / "data"


def _make(cfg: DictConfig, nodes: dict[str, Any], manifest: Manifest, folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        if "dirt" in nodes:
            (part / "dirt").mkdir()
            dirty_into(part / "dirt", build(cfg.dirt, "dirt"), manifest, cfg.batch.workers, {})
            manifest = Table(str(part / "dirt/pairs.csv")).load()
        if "clean" in nodes:
            recipe = build(cfg.clean, "clean")
            steps = {kind: recipe.steps(kind) for kind in KINDS}
            clean_into(part / "clean", Plan(steps, workers=cfg.batch.workers), manifest)
        (part / _DONE).touch()
        part.rename(folder)
    finally:
        shutil.rmtree(part, ignore_errors=True)
