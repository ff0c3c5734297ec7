"""``xret embed``: what a trained run makes of a gallery, as a folder of vectors."""

import hashlib
import json
import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.commands._trained import Trained
    from xret.data.manifest import Manifest, Rejected
    from xret.run.vectors import VectorFolder

log = logging.getLogger(__name__)

_NO_SETTINGS = ("workers", "embed", "trust", "cache")  # they do not decide what a vector is
_REJECTED = "rejected.jsonl"


def run(cfg: DictConfig) -> None:
    """Encode the items of every modality, shard by shard, and say where the vectors are."""
    if cfg.split not in {None, "train", "val", "test"}:
        raise UserError(f"split must be train, val, test or null for all rows, got {cfg.split}")
    for name in ("shard_size", "batch_size"):
        if cfg[name] < 1:
            raise UserError(f"{name} must be at least 1, got {cfg[name]}")
    from xret.run.folder import RunFolder

    RunFolder.open(Path(cfg.run))  # a mistake in its name is told before the seconds that torch takes
    from xret.commands._trained import open_run
    from xret.data.locking import locked
    from xret.run.vectors import VectorFolder

    trained = open_run(Path(cfg.run), cfg.trust)
    if cfg.runtime is not None:
        _run_in(trained, cfg.runtime)
    manifest = _gallery(cfg, trained)
    folder = VectorFolder(Path(HydraConfig.get().runtime.output_dir))
    folder.path.mkdir(parents=True, exist_ok=True)
    with locked(folder.path / ".lock", wait=False) as mine:
        if not mine:
            raise UserError(f"another process is embedding into {folder.path}")
        _embed(cfg, trained, manifest, folder)


def _run_in(trained: "Trained", runtime: str) -> None:
    """Let another runtime run the image encoder of a run: its vectors may meet those of torch."""
    encoders = trained.model.encoders
    choose = getattr(encoders["image"], "run_in", None) if "image" in encoders else None
    if choose is None:
        raise UserError(f"runtime={runtime} runs image encoders of timm, and {trained.record.path} has none")
    try:
        choose(runtime)
    except ValueError as error:
        raise UserError(str(error)) from error


def _runtime(trained: "Trained") -> str:
    encoders = trained.model.encoders
    return str(getattr(encoders["image"], "runtime", "torch")) if "image" in encoders else "torch"


def _gallery(cfg: DictConfig, trained: "Trained") -> "Manifest":
    """Return the rows to embed; they need not be pairs."""
    from xret.commands._made import load

    settings = OmegaConf.create({**trained.cfg, "cache": cfg.cache, "limit": None})
    settings.batch.workers = cfg.workers
    if cfg.get("data") is not None:
        settings.data, settings.dirt, settings.clean = cfg.data, None, None
    manifest = load(settings, unpaired=True)
    if cfg.split is None:
        return manifest
    chosen = manifest.split(cfg.split)
    if not chosen.rows:
        raise UserError(f"{manifest.name} has no rows in the split {cfg.split}")
    return chosen


def _embed(cfg: DictConfig, trained: "Trained", manifest: "Manifest", folder: "VectorFolder") -> None:
    from xret.commands._assembly import build
    from xret.commands._embedding import Encoding, embed_modality, model_hash
    from xret.commands._gallery import Gallery, modalities
    from xret.run.folder import write_whole
    from xret.run.vectors import Facts

    model, on_error = trained.model, (cfg.get("data") or trained.cfg.data).on_error
    chosen = modalities(model, manifest, cfg.modalities)
    engine, weights = build(cfg.embed.engine, "embed.engine"), model_hash(trained)
    _claim(folder.path, _key(cfg, weights, manifest))
    encoding = Encoding(model, manifest.root, cfg.batch_size)
    galleries = {modality: Gallery.of(model, modality, manifest, cfg.shard_size) for modality in chosen}
    done = {m: embed_modality(engine, encoding, gallery, folder, on_error) for m, gallery in galleries.items()}
    write_whole(folder.path / "config.yaml", lambda file: file.write(OmegaConf.to_yaml(cfg, resolve=True).encode()))
    _write_rejected(folder.path, [*manifest.rejected, *(one for of in done.values() for one in of.rejected)])
    items, shards = {m: of.items for m, of in done.items()}, {m: of.shards for m, of in done.items()}
    dim = next(iter(done.values())).dim
    run = str(trained.record.path.resolve())
    folder.finish(Facts(run, weights, manifest.name, items, dim, shards, runtime=_runtime(trained)))
    print(", ".join(f"{count} {modality}" for modality, count in items.items()) + f" vectors of {dim} numbers")
    left_out = len(manifest.rejected) + sum(len(of.rejected) for of in done.values())
    if left_out:
        print(f"left out: {left_out}, each with its reason in {folder.path / _REJECTED}")
    print(f"vectors: {folder.path}")
    print(f"next: python -m xret build vectors={folder.path}")


def _write_rejected(folder: Path, rejected: "list[Rejected]") -> None:
    from xret.run.folder import write_whole

    lines = "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in rejected)
    write_whole(folder / _REJECTED, lambda file: file.write(lines.encode()))


def _key(cfg: DictConfig, weights: str, manifest: "Manifest") -> str:
    whole = OmegaConf.to_container(cfg, resolve=True)
    assert isinstance(whole, dict)
    settings = {key: value for key, value in whole.items() if key not in _NO_SETTINGS}
    return hashlib.sha256(json.dumps([settings, weights, manifest.digest()]).encode()).hexdigest()


def _claim(folder: Path, key: str) -> None:
    """Begin a folder, or go on with one in which the same embedding was stopped; what it left half done goes."""
    from xret.run.folder import write_whole

    kept = folder / ".key"
    if kept.exists():
        if kept.read_text() != key:
            raise UserError(f"{folder} holds vectors of another run, data or setting; choose another hydra.run.dir")
        log.info("going on with what was done in %s", folder)
    elif any(not path.name.startswith((".lock", ".key")) for path in folder.iterdir()):
        raise UserError(f"hydra.run.dir must be a new or empty folder, got {folder}")
    for pattern in (".*.npy-*", ".*.parquet-*", ".*.json-*", ".*.jsonl-*", ".*.yaml-*", ".key-*"):
        for path in folder.rglob(pattern):
            path.unlink()
    if not kept.exists():
        write_whole(kept, lambda file: file.write(key.encode()))
