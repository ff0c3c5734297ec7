"""``xret clean``: a cleaned copy of a data set in a folder of its own, and the trail of every change."""

import hashlib
import json
import logging
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.clean.audit import Change
    from xret.clean.recipe import Recipe
    from xret.commands._cleaning import Accepted, Cleaned
    from xret.data.manifest import Manifest, Row

log = logging.getLogger(__name__)

_NO_SETTINGS = ("run", "workers", "trust")  # what does not change what comes out


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
    from xret.clean.audit import parquet
    from xret.commands._cleaning import Job, captions, labels, pictures
    from xret.commands._cleaning_report import page
    from xret.data.writing import SUFFIXES, table
    from xret.run.folder import write_whole

    accepted = _accepted(cfg.accept)
    steps = {kind: _without(recipe.steps(kind), cfg.undo) for kind in ("text", "image", "labels", "pairs")}
    job = Job({}, accepted, manifest.root, folder, cfg.drawn_px)
    _learn(cfg, folder, manifest, steps, job)
    parts = folder / ".clean"
    texts = [r.inputs["text"] for r in manifest.rows if "text" in r.inputs]
    refs = [r.inputs["image"] for r in manifest.rows if "image" in r.inputs]
    text_job, image_job = replace(job, steps=steps["text"]), replace(job, steps=steps["image"])
    found = {("text", "text"): captions(text_job, list(dict.fromkeys(texts)), parts, cfg.workers)}
    found["image", "image"] = pictures(image_job, list(dict.fromkeys(refs)), parts, cfg.workers)
    for name in cfg.attributes:
        found["labels", name] = labels(steps["labels"], manifest.rows, name, accepted)
    rows, changes = _applied(manifest, found)
    trail = [*_unread(manifest), *changes]
    rows = _with_media(replace(manifest, rows=tuple(rows)), folder, found["image", "image"])
    suffix = next((s for s in SUFFIXES if str(cfg.data.get("path", "")).lower().endswith(s)), ".csv")
    written = folder / f"pairs{suffix}"
    write_whole(folder / "changes.parquet", lambda file: file.write(parquet(trail)))
    write_whole(folder / "config.yaml", lambda file: file.write(OmegaConf.to_yaml(cfg, resolve=True).encode()))
    write_whole(written, lambda file: file.write(table(rows, suffix)))
    counts = {"rows read": len(manifest.rows) + len(manifest.rejected), "rows written": len(rows)}
    html = page(folder, manifest, trail, counts, cfg)
    write_whole(folder / "report.html", lambda file: file.write(html.encode()))
    shutil.rmtree(parts)
    _tell(cfg, folder, written, trail, counts)


def _without(steps: "dict[str, Any]", undone: Sequence[str]) -> dict[str, Any]:
    return {name: step for name, step in steps.items() if name not in undone}


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


def _learn(cfg: DictConfig, folder: Path, manifest: "Manifest", steps: "dict[str, dict[str, Any]]", job: Any) -> None:  # noqa: ANN401 - a Job
    """Let steps learn from the training rows, or take what they learnt before a kill."""
    from xret.commands._cleaning import learn_captions, learn_pictures
    from xret.run.folder import write_whole

    kept = folder / ".clean/learnt.json"
    learning = {n: s for kind in ("text", "image") for n, s in steps[kind].items() if hasattr(s, "fit")}
    if kept.is_file():
        for name, state in json.loads(kept.read_text()).items():
            learning[name].restore(state)
        return
    training = [row for row in manifest.rows if row.split == "train"]
    learn_captions(steps["text"], training, cfg.source or "")
    learn_pictures(steps["image"], training, cfg.source or "", cfg.fit_pictures, job)
    states = json.dumps({name: step.state() for name, step in learning.items()})
    write_whole(kept, lambda file: file.write(states.encode()))


def _applied(
    manifest: "Manifest", found: "dict[tuple[str, str], dict[str, Cleaned]]"
) -> "tuple[list[Row], list[Change]]":
    """Return the rows that stay, with their new values, and every change."""
    rows: list[Row] = []
    changes: list[Change] = []
    for row in manifest.rows:
        inputs, attributes, stays = dict(row.inputs), dict(row.attributes), True
        for (kind, field), cleaned in found.items():
            values = attributes if kind == "labels" else inputs
            if not values.get(field):
                continue
            after, edits = cleaned[values[field]]
            changes.extend(_changes(row.id, kind, field, edits))
            values[field] = after or ""
            stays &= after is not None
        if stays:
            rows.append(replace(row, inputs=inputs, attributes=attributes))
    return rows, changes


def _changes(row: str, kind: str, field: str, edits: Sequence[Any]) -> "Iterator[Change]":
    from xret.clean.audit import Change

    for step, before, after, reason, applied, evidence in edits:
        yield Change(row, "read" if step == "read" else kind, field, step, before, after, reason, applied, evidence)


def _unread(manifest: "Manifest") -> "Iterator[Change]":
    """Yield the rows that the source itself could not read."""
    from xret.clean.audit import Change

    for rejected in manifest.rejected:
        yield Change(rejected.row, "read", "", "read", "", None, f"{rejected.reason}: {rejected.detail}")


def _with_media(kept: "Manifest", folder: Path, pictures: "dict[str, Cleaned]") -> "list[Row]":
    """Return the rows with references into the folder; pictures that did not change are put there as links."""
    from xret.data.writing import place

    made = {after for ref, (after, _) in pictures.items() if after != ref}

    def old(row: "Row") -> "Row":
        return replace(row, inputs={m: ref for m, ref in row.inputs.items() if m != "text" and ref not in made})

    placed = place(replace(kept, rows=tuple(old(row) for row in kept.rows)), folder)
    media = {ref: placed.get(ref, ref) for row in kept.rows for m, ref in row.inputs.items() if m != "text"}
    return [
        replace(row, inputs={m: ref if m == "text" else media[ref] for m, ref in row.inputs.items()})
        for row in kept.rows
    ]


def _tell(cfg: DictConfig, folder: Path, written: Path, trail: "Sequence[Change]", counts: dict[str, int]) -> None:
    from xret.clean.audit import table

    print(f"{counts['rows read']} rows read, {counts['rows written']} written")
    print(table(trail))
    if any(not change.applied for change in trail):
        print(f"proposals: tick them in {folder / 'report.html'}, then xret clean run={folder} accept=accepted.jsonl")
    print(f"report: {folder / 'report.html'}")
    print(f"next: python -m xret train data=table data.path={written}")
