"""A new version of an index: items put in and taken out, without building it again."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError
from xret.commands._assembly import build, refuse_strangers, trusted
from xret.commands._hubs import relearn
from xret.commands._parity import FILE
from xret.commands._shards import checked
from xret.run.index_folder import ITEMS, IndexFacts, IndexFolder
from xret.run.vectors import Facts, VectorFolder

_MANY = 0.3  # share of vectors taken out from which building again is worth it


def change(cfg: DictConfig) -> Path:
    """Publish a version with the items of ``delete`` taken out and those of ``vectors`` put in; return the folder.

    An item whose id is there already replaces it.

    Raises:
        UserError: no such index; vectors of another model, length or modality; none of the ids is there.
    """
    if cfg.vectors is None and cfg.delete is None:
        raise UserError("into needs what is to change: vectors=VEC puts items in, delete=[id,...] takes them out")
    folder = IndexFolder.open(Path(cfg.into))
    ids = [] if cfg.delete is None else _ids(cfg.delete)
    vectors = None if cfg.vectors is None else VectorFolder.open(Path(cfg.vectors))
    folder.publish(lambda path: _write(path, folder, ids, vectors, cfg))
    return folder.path


def _ids(delete: Any) -> list[str]:  # noqa: ANN401 - a list, or the name of a file
    if not isinstance(delete, str):
        return [str(name) for name in delete]
    try:
        return [line.strip() for line in Path(delete).read_text().splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"delete must be [id,...] or a file with one id per line; cannot read {delete}") from error


def _write(
    path: Path, folder: IndexFolder, ids: Sequence[str], vectors: VectorFolder | None, cfg: DictConfig
) -> IndexFacts:
    import pyarrow as pa
    import pyarrow.parquet as pq

    version = folder.current()
    facts = IndexFolder.facts(version)
    if vectors is not None:
        _same(folder, facts, vectors, vectors.facts())
    refuse_strangers([facts.index, facts.hubness], trusted(cfg.trust))
    index: Any = build(OmegaConf.create(facts.index), "index")
    index.load(version)
    items = pq.read_table(version / ITEMS)
    if len(items) != facts.items:
        raise UserError(f"{version} must name {facts.items} items, got {len(items)}; build the index again")
    out = _places(items, ids, must=bool(ids), where=str(folder.path))
    added = 0
    if vectors is not None:
        new = vectors.table(facts.target)
        shards = checked(vectors, facts.target, facts.dim, len(new))
        out = np.union1d(out, _places(items, new["id"].to_pylist()))
        added = len(new)
    if len(out) == len(items) and not added:
        raise UserError(f"{folder.path} must keep an item; remove the folder instead")
    if len(out):
        index.remove(out)
        items = items.filter(~np.isin(np.arange(len(items)), out))
    if vectors is not None:
        index.add(shards)
        items = pa.concat_tables([items, new])
    index.save(path)
    if facts.hubness:
        relearn(path, facts.hubness, version, out, index, shards if vectors is not None else ())
    pq.write_table(items, path / ITEMS)
    print(f"{added} put in, {len(out)} taken out: {len(items)} items")
    return _told(path, facts, len(items), added, len(out), vectors)


def _told(
    path: Path, facts: IndexFacts, items: int, added: int, removed: int, vectors: VectorFolder | None
) -> IndexFacts:
    """Write the figures of parity, with how many items have come and gone since they were measured."""
    parity = {**facts.parity, "added": facts.parity.get("added", 0) + added}
    parity["removed"] = facts.parity.get("removed", 0) + removed
    (path / FILE).write_text(json.dumps(parity, indent=1) + "\n")
    changed = max(parity["added"], parity["removed"])
    if changed > _MANY * items:
        print(f"parity was measured before {parity['added']} came and {parity['removed']} went: build the index again")
    came = [] if vectors is None else [str(vectors.path.resolve())]
    return replace(facts, items=items, parity=parity, vectors=[*facts.vectors, *came])


def _same(folder: IndexFolder, facts: IndexFacts, vectors: VectorFolder, new: Facts) -> None:
    """Refuse vectors that cannot stand beside those of the index."""
    here, there = f"{folder.path} holds", f"{vectors.path} holds"
    if facts.weights != new.weights:
        raise UserError(
            f"{here} vectors of the model {facts.weights} (run {facts.run}), {there} those of {new.weights}"
            f" (run {new.run}); embed with the same run, or build a new index"
        )
    if facts.dim != new.dim:
        raise UserError(f"{here} vectors of {facts.dim} numbers, {there} vectors of {new.dim}; embed with the same run")
    if facts.target not in new.items:
        raise UserError(f"{here} {facts.target} vectors, {there} {', '.join(new.items)}; embed {facts.target} too")


def _places(items: Any, ids: Sequence[str], must: bool = False, where: str = "") -> np.ndarray:  # noqa: ANN401
    """Return the positions of items with these ids, ascending; ``must``: some of them have to be there."""
    wanted = set(ids)
    held = items["id"].to_pylist()
    found = np.flatnonzero([name in wanted for name in held])
    lost = sorted(wanted - set(held))
    if must and lost:
        few = ", ".join(lost[:3]) + (", ..." if len(lost) > 3 else "")
        if not len(found):
            raise UserError(f"{where} has no item {few}; nothing is taken out")
        print(f"no such item, left alone: {few} ({len(lost)} in all)")
    return found
