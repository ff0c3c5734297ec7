"""``xret build``: a search index from a folder of vectors, or a new version of one with more items or fewer."""

import logging
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.run.index_folder import IndexFacts
    from xret.run.vectors import Facts, VectorFolder

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Build the index, measure what it loses, and say where it is."""
    _check(cfg)
    if cfg.into is not None:
        from xret.commands._changing import change

        path = change(cfg)
    else:
        path = _new(cfg)
    print(f"index: {path}")
    print(f'next: python -m xret search index={path} query="..."')


def _check(cfg: DictConfig) -> None:
    if cfg.into is None and cfg.vectors is None:
        raise UserError("vectors must name a folder that embed wrote: vectors=VEC")
    if cfg.into is None and cfg.delete is not None:
        raise UserError("delete needs the folder of an index: into=IDX")
    if cfg.into is not None and any(word.startswith(("index=", "index.")) for word in HydraConfig.get().overrides.task):
        raise UserError("into keeps the index as it was set; leave index=... out, or build a new one")
    numbers = [cfg.parity.queries, cfg.parity.batch, *cfg.parity.ks]
    if not cfg.parity.ks or min(numbers) < 1 or cfg.parity.seconds <= 0:
        raise UserError("parity: queries, ks and batch must be at least 1, and seconds above 0")


def _new(cfg: DictConfig) -> Path:
    from xret.commands._assembly import build, refuse_strangers, trusted
    from xret.run.index_folder import CURRENT, IndexFolder
    from xret.run.vectors import VectorFolder

    vectors = VectorFolder.open(Path(cfg.vectors))
    vectors.check()
    target = _target(cfg.target, vectors.facts())
    refuse_strangers(OmegaConf.to_container(cfg.index), trusted(cfg.trust))
    index = build(cfg.index, "index")
    folder = IndexFolder(Path(HydraConfig.get().runtime.output_dir))
    if (folder.path / CURRENT).exists():
        raise UserError(f"{folder.path} holds an index already; into={folder.path} adds to it, or name another folder")
    folder.publish(lambda path: _write(path, index, vectors, target, cfg))
    return folder.path


def _target(asked: str | None, facts: "Facts") -> str:
    if asked is None:
        return "image" if "image" in facts.items else next(iter(facts.items))
    if asked not in facts.items:
        raise UserError(f"target must be one of {', '.join(facts.items)}, got {asked}")
    return asked


def _write(path: Path, index: Any, vectors: "VectorFolder", target: str, cfg: DictConfig) -> "IndexFacts":  # noqa: ANN401
    import pyarrow.parquet as pq

    from xret.commands._hubs import bank, learn
    from xret.commands._parity import Asked, measured, table
    from xret.commands._shards import checked
    from xret.run.index_folder import ITEMS, IndexFacts

    facts = vectors.facts()
    items = vectors.table(target)
    shards = checked(vectors, target, facts.dim, len(items))
    asked = Asked.of(vectors, target, cfg.parity.queries)
    began = time.perf_counter()
    try:
        index.build(shards, asked.examples)
    except ValueError as error:
        raise UserError(f"index: {error}") from error
    seconds = time.perf_counter() - began
    index.save(path)
    parity = measured(index, shards, asked, cfg.parity, seconds, path)
    print(table(parity))
    pq.write_table(items, path / ITEMS)
    hubness = _hubness(cfg, facts)
    queries = bank(vectors) if hubness else None
    if hubness and queries is None:
        log.warning("hubs stay as they are: %s holds no texts of the training split to learn them from", vectors.path)
    if queries is not None and target != "text":
        learn(path, hubness, queries, index, shards)
    return IndexFacts(
        run=facts.run,
        weights=facts.weights,
        target=target,
        data=facts.data,
        items=len(items),
        dim=facts.dim,
        index=_plain(cfg.index),
        parity=parity,
        vectors=[str(vectors.path.resolve())],
        hubness={} if queries is None or target == "text" else hubness,
    )


def _hubness(cfg: DictConfig, facts: "Facts") -> dict[str, Any]:
    """Return the settings of the correction: those asked for, else the run's own; empty where there is none.

    A run that is not where it was has none; nothing of it but its config is read.
    """
    from xret.commands._assembly import refuse_strangers, trusted

    asked = cfg.get("hubness")
    if asked is None and (stored := Path(facts.run, "config.yaml")).is_file():
        whole = OmegaConf.load(stored)
        assert isinstance(whole, DictConfig)
        asked = whole.get("hubness")
    if "_target_" not in (asked or {}):
        return {}
    settings = _plain(asked)
    refuse_strangers(settings, trusted(cfg.trust))
    return settings


def _plain(node: DictConfig) -> dict[str, Any]:
    settings = OmegaConf.to_container(node, resolve=True)
    assert isinstance(settings, dict)
    return {str(key): value for key, value in settings.items()}
