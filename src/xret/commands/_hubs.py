"""The hubs of an index: how much is taken off the scores of each item, learnt when it was built."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from xret._errors import UserError
from xret.commands._assembly import build
from xret.hubness import Bias
from xret.run.vectors import VectorFolder

_BANK, _VALUES, _ACTIVE = "bank.npy", "hubs.npy", "active.npy"
_MOST = 10_000  # queries in a bank


def bank(vectors: VectorFolder, seed: int = 0) -> np.ndarray | None:
    """Return the vectors (N, D) float32 of the training split's texts, at most 10,000 of them; None: there are none."""
    if "text" not in vectors.facts().items:
        return None
    splits = np.array(vectors.table("text")["split"].to_pylist(), dtype=object)
    where = np.flatnonzero(splits == "train")
    if not len(where):
        return None
    if len(where) > _MOST:
        where = np.sort(np.random.default_rng(seed).choice(where, _MOST, replace=False))
    found, begin = [], 0
    for shard in vectors.shards("text"):
        found.append(np.asarray(shard[where[(where >= begin) & (where < begin + len(shard))] - begin]))
        begin += len(shard)
    return np.concatenate(found)


def learn(path: Path, settings: dict[str, Any], queries: np.ndarray, index: Any, shards: Iterable[np.ndarray]) -> None:  # noqa: ANN401
    """Write what is taken off the score of each vector of an index.

    Args:
        path: of the version that is made.
        settings: of the correction, with its ``_target_``.
        queries: the bank, (N, D).
        index: with the vectors in it.
        shards: the vectors.
    """
    np.save(path / _BANK, queries)
    method = build(OmegaConf.create(settings), "hubness")
    _save(path, method, queries, index, [method.values(queries, np.asarray(shard)) for shard in shards])


def relearn(
    path: Path,
    settings: dict[str, Any],
    version: Path,
    out: np.ndarray,
    index: Any,  # noqa: ANN401 - see `xret.index`
    shards: Iterable[np.ndarray],
) -> None:
    """Write it for an index of which some vectors were taken out and others added behind the rest.

    Args:
        path: of the version that is made.
        settings: of the correction.
        version: that it is made from.
        out: positions that were taken out.
        index: as it is now.
        shards: the vectors that were added.
    """
    queries, values = _read(version / _BANK), _read(version / _VALUES)
    np.save(path / _BANK, queries)
    method = build(OmegaConf.create(settings), "hubness")
    added = [method.values(queries, np.asarray(shard)) for shard in shards]
    _save(path, method, queries, index, [np.delete(values, out), *added])


def load(version: Path) -> Bias:
    """Return what was written.

    Raises:
        UserError: a file is missing or broken.
    """
    active = _read(version / _ACTIVE) if (version / _ACTIVE).is_file() else None
    return Bias(_read(version / _VALUES), active)


def _save(path: Path, method: Any, queries: np.ndarray, index: Any, parts: list[np.ndarray]) -> None:  # noqa: ANN401
    values = np.concatenate(parts).astype(np.float32)
    np.save(path / _VALUES, values)
    if method.first is None:
        return
    active = np.zeros(len(values), bool)  # of all vectors together, so the index is asked: shards cannot tell
    for begin in range(0, len(queries), 256):
        found, _ = index.search(queries[begin : begin + 256], method.first)
        active[found[found >= 0]] = True
    np.save(path / _ACTIVE, active)


def _read(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; build the index again") from error
    return array
