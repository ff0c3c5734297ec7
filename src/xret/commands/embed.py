"""``xret embed``: what a trained run makes of a gallery, as a folder of vectors."""

import hashlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.commands._trained import Trained
    from xret.data.manifest import Manifest
    from xret.run.vectors import VectorFolder

log = logging.getLogger(__name__)

_NO_SETTINGS = ("workers", "trust", "cache")


def run(cfg: DictConfig) -> None:
    """Encode the items of every modality, shard by shard, and say where the vectors are."""
    if cfg.split not in {None, "train", "val", "test"}:
        raise UserError(f"split must be train, val, test or null for all rows, got {cfg.split}")
    for name in ("shard_size", "batch_size"):
        if cfg[name] < 1:
            raise UserError(f"{name} must be at least 1, got {cfg[name]}")
    from xret.run.folder import RunFolder

    RunFolder.open(Path(cfg.run))  # a mistake in its name is told before the seconds that torch takes
    from xret.commands._made import load
    from xret.commands._trained import open_run
    from xret.data.locking import locked
    from xret.run.vectors import VectorFolder

    trained = open_run(Path(cfg.run), cfg.trust)
    settings = OmegaConf.create({**trained.cfg, "cache": cfg.cache, "limit": None})
    settings.batch.workers = cfg.workers
    if cfg.get("data") is not None:
        settings.data, settings.dirt, settings.clean = cfg.data, None, None
    manifest: Manifest = load(settings)
    manifest = manifest if cfg.split is None else manifest.split(cfg.split)
    folder = VectorFolder(Path(HydraConfig.get().runtime.output_dir))
    folder.path.mkdir(parents=True, exist_ok=True)
    with locked(folder.path / ".lock", wait=False) as mine:
        if not mine:
            raise UserError(f"another process is embedding into {folder.path}")
        _embed(cfg, trained, manifest, folder)


def _embed(cfg: DictConfig, trained: "Trained", manifest: "Manifest", folder: "VectorFolder") -> None:
    from xret.commands._embedding import embed_modality, modalities, model_hash
    from xret.run.folder import write_whole
    from xret.run.vectors import Facts

    weights = model_hash(trained)
    _claim(folder.path, _key(cfg, weights, manifest))
    chosen = modalities(trained.model, manifest, cfg.modalities)
    items, shards, dim = {}, {}, 0
    for modality in chosen:
        done = embed_modality(trained.model, modality, manifest, folder, cfg.shard_size, cfg.batch_size, cfg.workers)
        items[modality], shards[modality], dim = done.items, done.shards, done.dim
    write_whole(folder.path / "config.yaml", lambda file: file.write(OmegaConf.to_yaml(cfg, resolve=True).encode()))
    folder.finish(Facts(str(trained.record.path.resolve()), weights, manifest.name, items, dim, shards))
    print(", ".join(f"{count} {modality}" for modality, count in items.items()) + f" vectors of {dim} numbers")
    print(f"vectors: {folder.path}")
    print(f"next: python -m xret build vectors={folder.path}")


def _key(cfg: DictConfig, weights: str, manifest: "Manifest") -> str:
    whole = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(whole, dict)
    settings = {key: value for key, value in whole.items() if key not in _NO_SETTINGS}
    return hashlib.sha256(json.dumps([settings, weights, manifest.digest()]).encode()).hexdigest()


def _claim(folder: Path, key: str) -> None:
    """Begin a folder, or go on with one in which the same embedding was stopped."""
    kept = folder / ".key"
    if kept.exists():
        if kept.read_text() != key:
            raise UserError(f"{folder} holds vectors of another run, data or setting; choose another hydra.run.dir")
        log.info("going on with what was done in %s", folder)
        return
    if any(path.name != ".lock" for path in folder.iterdir()):
        raise UserError(f"hydra.run.dir must be a new or empty folder, got {folder}")
    kept.write_text(key)
