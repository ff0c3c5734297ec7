"""The data of a training: as its source gives them, or with dirt planted in them, or cleaned, or both in this order."""

import hashlib
import json
import logging
import shutil
import tempfile
from collections.abc import Callable, Iterator
from importlib.util import find_spec
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


def load(cfg: DictConfig, unpaired: bool = False) -> Manifest:
    """Return the rows that ``data``, ``limit``, ``dirt`` and ``clean`` ask for.

    What is dirtied or cleaned is a folder beside the stored features; runs that want the same share it, as long as the
    code that made it is the same.

    Args:
        cfg: with these keys.
        unpaired: also rows that hold one modality alone; dirt and cleaning take pairs, so not with them.

    Raises:
        UserError: as the source, the dirt or the cleaning.
    """
    manifest = given(cfg, unpaired and not any("_target_" in (cfg.get(name) or {}) for name in ("dirt", "clean")))
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    for name, make in (("dirt", _dirty), ("clean", _clean)):
        if "_target_" in (cfg.get(name) or {}):
            manifest = _made(cfg, name, manifest, make)
    return manifest


def made(cache: Path) -> Path:
    """Return the folder of data that were made, below that of the cache."""
    return cache / "data"


def _made(
    cfg: DictConfig, name: str, manifest: Manifest, make: Callable[[DictConfig, Manifest, Path], None]
) -> Manifest:
    """Return what one stage makes of a manifest; it is made where no run has made it before."""
    settings = OmegaConf.to_container(cfg[name], resolve=True)
    told = [__version__, name, settings, _code(name, settings), manifest.digest()]
    key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:32]
    folder = made(feature_cache(cfg).root) / key
    with locked(folder.with_suffix(".lock")):
        if not folder.exists():
            folder.parent.mkdir(parents=True, exist_ok=True)
            part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{key}-"))
            try:
                make(cfg, manifest, part)
                part.rename(folder)
            finally:
                shutil.rmtree(part, ignore_errors=True)
    log.info("%s: %s", name, folder)
    found = Table(str(folder / "pairs.csv")).load()
    return Manifest(manifest.name, found.rows, (*manifest.rejected, *found.rejected), found.root, manifest.licence)


def _code(name: str, settings: Any) -> str:  # noqa: ANN401 - a node of a config
    """Return a digest of the code and lists behind a stage, and of components that others wrote for it."""
    top = Path(__file__).parents[1]
    files = {file for file in (top / name).rglob("*") if file.is_file() and file.suffix != ".pyc"}
    files |= set((top / "commands").glob(f"_{name}*.py"))
    for target in _targets(settings):
        try:
            spec = find_spec(target.rpartition(".")[0])
        except (ImportError, ValueError):  # said where it is built
            continue
        if spec and spec.origin and Path(spec.origin).is_file():
            files.add(Path(spec.origin))
    digest = hashlib.sha256()
    for file in sorted(files):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
    return digest.hexdigest()


def _targets(node: Any) -> Iterator[str]:  # noqa: ANN401 - a node of a config
    """Yield the class paths in a config."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "_target_":
                yield str(value)
            else:
                yield from _targets(value)


def _dirty(cfg: DictConfig, manifest: Manifest, folder: Path) -> None:
    dirty_into(folder, build(cfg.dirt, "dirt"), manifest, cfg.batch.workers, {})


def _clean(cfg: DictConfig, manifest: Manifest, folder: Path) -> None:
    recipe = build(cfg.clean, "clean")
    clean_into(folder, Plan({kind: recipe.steps(kind) for kind in KINDS}, workers=cfg.batch.workers), manifest)
    shutil.rmtree(folder / ".clean", ignore_errors=True)
