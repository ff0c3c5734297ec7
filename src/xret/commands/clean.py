"""``xret clean``: a cleaned copy of a data set in a folder of its own, and the trail of every change."""

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from xret.clean.audit import Change
    from xret.clean.recipe import Recipe
    from xret.commands._cleaning import Accepted
    from xret.data.manifest import Manifest

log = logging.getLogger(__name__)

_NO_SETTINGS = ("run", "workers", "trust", "cache")  # what does not change what comes out


def run(cfg: DictConfig) -> None:
    """Write ``pairs.csv`` (or the input's format), ``images/``, ``changes.parquet`` and ``report.html``."""
    from xret.commands._assembly import build
    from xret.data.locking import locked
    from xret.data.split import first_groups

    folder = Path(HydraConfig.get().runtime.output_dir)
    cfg = _settings(cfg)
    manifest: Manifest = build(cfg.data, "data").load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    recipe: Recipe = build(cfg.clean, "clean")
    _check(cfg, recipe, manifest)
    _claim(folder, _key(cfg, manifest))
    with locked(folder / ".clean/lock", wait=False) as mine:
        if not mine:
            raise UserError(f"another process is cleaning into {folder}")
        _clean(cfg, folder, manifest, recipe)


def _settings(cfg: DictConfig) -> DictConfig:
    """Return the config, with ``run`` that of the earlier cleaning; ``undo`` and ``accept`` are added to its own."""
    if cfg.run is None:
        return cfg
    from xret.commands._assembly import refuse_strangers, trusted

    path = Path(cfg.run) / "config.yaml"
    if not path.is_file():
        raise UserError(f"run must be the folder of an earlier cleaning, with a config.yaml in it, got {cfg.run}")
    stored = OmegaConf.load(path)
    assert isinstance(stored, DictConfig)
    refuse_strangers(OmegaConf.to_container(stored), trusted(cfg.trust))
    if "clean" not in stored or "undo" not in stored:
        raise UserError(f"run must be the folder of an earlier cleaning, got {cfg.run}")
    accept = cfg.accept or stored.accept
    return OmegaConf.create({**stored, "undo": [*stored.undo, *cfg.undo], "accept": accept, "workers": cfg.workers})


def _check(cfg: DictConfig, recipe: "Recipe", manifest: "Manifest") -> None:
    from difflib import get_close_matches

    from xret.clean.recipe import KINDS

    names = [name for kind in KINDS for name in recipe.steps(kind)]
    for undone in cfg.undo:
        if undone not in names:
            near = get_close_matches(undone, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(names)}"
            raise UserError(f"undo: no step {undone!r} in this cleaning; {hint}")
    attributes = dict.fromkeys(name for row in manifest.rows for name in row.attributes)
    for key, wanted in (("source", [cfg.source] if cfg.source else []), ("attributes", cfg.attributes)):
        for name in wanted:
            if name not in attributes:
                raise UserError(f"{key}: {manifest.name} has no attribute {name!r}; it has {', '.join(attributes)}")
    if cfg.accept is not None and not Path(cfg.accept).is_file():
        raise UserError(f"accept must be a table of confirmed proposals, got {cfg.accept}")
    for name, least in (("workers", 0), ("fit_pictures", 1), ("drawn_px", 16)):
        if cfg[name] < least:
            raise UserError(f"{name} must be at least {least}, got {cfg[name]}")


def _key(cfg: DictConfig, manifest: "Manifest") -> str:
    whole = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(whole, dict)
    settings = {key: value for key, value in whole.items() if key not in _NO_SETTINGS}
    accepted = hashlib.sha256(Path(cfg.accept).read_bytes()).hexdigest() if cfg.accept else ""
    return hashlib.sha256(json.dumps([settings, manifest.digest(), accepted]).encode()).hexdigest()


def _claim(folder: Path, key: str) -> None:
    """Begin a folder, or go on with one in which the same cleaning was killed."""
    kept = folder / ".clean/key"
    if (folder / "report.html").exists() and not kept.exists():
        raise UserError(f"{folder} holds a cleaned data set already; choose another folder with hydra.run.dir=DIR")
    if kept.exists():
        if kept.read_text() != key:
            raise UserError(f"{folder} holds a cleaning with other settings; choose another folder, or delete this one")
        log.info("going on with what was done in %s", folder)
        return
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"hydra.run.dir must be a new or empty folder, got {folder}")
    kept.parent.mkdir(parents=True)
    kept.write_text(key)


def _clean(cfg: DictConfig, folder: Path, manifest: "Manifest", recipe: "Recipe") -> None:
    from xret.clean.recipe import KINDS
    from xret.commands._cleaned import Plan, clean_into
    from xret.commands._cleaning_report import page
    from xret.data.writing import SUFFIXES
    from xret.run.folder import write_whole

    suffix = next((s for s in SUFFIXES if str(cfg.data.get("path", "")).lower().endswith(s)), ".csv")
    steps = {kind: _without(recipe.steps(kind), cfg.undo) for kind in KINDS}
    plan = Plan(
        steps,
        _accepted(cfg.accept),
        cfg.source or "",
        tuple(cfg.attributes),
        cfg.drawn_px,
        cfg.fit_pictures,
        cfg.workers,
        suffix,
        _vectors(cfg),
    )
    write_whole(folder / "config.yaml", lambda file: file.write(OmegaConf.to_yaml(cfg, resolve=True).encode()))
    done = clean_into(folder, plan, manifest)
    counts = {"rows read": len(manifest.rows) + len(manifest.rejected), "rows written": done.rows}
    html = page(folder, manifest, done.trail, counts, cfg)
    write_whole(folder / "report.html", lambda file: file.write(html.encode()))
    shutil.rmtree(folder / ".clean")
    _tell(folder, done.path, done.trail, counts)


def _without(steps: "dict[str, Any]", undone: Sequence[str]) -> dict[str, Any]:
    return {name: step for name, step in steps.items() if name not in undone}


def _vectors(cfg: DictConfig) -> "Callable[[Manifest], dict[str, np.ndarray]] | None":
    """Return what encodes pictures and captions with frozen encoders, where ``encoder`` names some."""
    from xret.commands._assembly import build
    from xret.commands._sources import feature_cache
    from xret.data.encoding import features

    if cfg.get("encoder") is None:
        return None

    def encode(manifest: "Manifest") -> "dict[str, np.ndarray]":
        found = {}
        for modality in ("image", "text"):
            encoder = build(cfg.encoder[modality], f"encoder.{modality}")
            if encoder.stores != "vector" or not encoder.frozen:
                raise UserError(f"encoder.{modality} must be frozen, with a pooling that has nothing to train")
            items, of_row = manifest.items(modality)
            stored = features(encoder, items, manifest.root, feature_cache(cfg), workers=cfg.workers)
            found[modality] = stored.array[of_row]
        return found

    return encode


def _accepted(path: str | None) -> "Accepted":
    """Return step, before and after of the proposals that a table confirms."""
    from xret.data.parsing import read_table

    if path is None:
        return frozenset()
    columns, records = read_table(Path(path))
    if missing := {"step", "before"} - set(columns):
        raise UserError(
            f"accept must be a table with the columns step, before, after; {path} lacks {', '.join(missing)}"
        )
    found = [{key: str(value) for key, value in r.items()} for _, r in records if isinstance(r, dict)]
    return frozenset((r.get("step", ""), r.get("before", ""), r.get("after")) for r in found)


def _tell(folder: Path, written: Path, trail: "Sequence[Change]", counts: dict[str, int]) -> None:
    from xret.clean.audit import table

    print(f"{counts['rows read']} rows read, {counts['rows written']} written")
    print(table(trail))
    if any(not change.applied for change in trail):
        print(f"proposals: tick them in {folder / 'report.html'}, then xret clean run={folder} accept=accepted.jsonl")
    print(f"report: {folder / 'report.html'}")
    print(f"next: python -m xret train data=table data.path={written}")
