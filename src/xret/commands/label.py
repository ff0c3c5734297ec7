"""``xret label``: a copy of a data set with attributes from weak sources, each with source and confidence."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.commands._labelled import Found, Given
    from xret.data.manifest import Manifest, Row

log = logging.getLogger(__name__)


def run(cfg: DictConfig) -> None:
    """Write ``pairs.csv`` (or the input's format), ``media/``, ``labels.csv`` and ``label.json``."""
    from xret.commands._assembly import build
    from xret.data.split import first_groups
    from xret.run.folder import RunFolder

    folder = Path(HydraConfig.get().runtime.output_dir)
    if (folder / "label.json").exists():
        raise UserError(f"{folder} holds a labelled data set already; choose another folder with hydra.run.dir=DIR")
    attributes = _attributes(cfg)
    if cfg.run is not None:
        RunFolder.open(Path(cfg.run))  # a mistake in its name is told before anything is read
    sources = _sources(cfg)
    manifest: Manifest = build(cfg.data, "data").load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    if not manifest.rows:
        raise UserError(f"{manifest.name} has no rows that can be read")
    found = _found(cfg, manifest, sources, attributes)
    _write(cfg, folder, manifest, found, {name: source.report() for name, source in sources.items()})


def _attributes(cfg: DictConfig) -> "dict[str, list[str] | None]":
    """Return name -> labels to choose from, None: those that a source knows; and check the other settings."""
    from xret.data.manifest import WORDS
    from xret.data.table import FIELDS
    from xret.label.lexicon import SHIPPED

    if not 0 <= cfg.min_confidence <= 1:
        raise UserError(f"min_confidence must be in [0, 1], got {cfg.min_confidence}")
    if cfg.attributes is None:
        return dict.fromkeys(sorted(path.stem for path in SHIPPED.glob("*.txt")))
    plain = OmegaConf.to_container(cfg.attributes, resolve=True)
    if not isinstance(plain, dict) or not plain:
        raise UserError(f"attributes must be like {{colour: [red, blue], style: null}}, got {plain}")
    for name, labels in ((str(name), labels) for name, labels in plain.items()):
        if name in {*FIELDS, *WORDS}:
            raise UserError(f"attributes: {name} is a column with a meaning of its own; choose another name")
        if labels is not None and (not isinstance(labels, list) or not labels):
            raise UserError(f"attributes.{name} must be a list of labels or null, got {labels!r}")
    return {str(name): labels and [str(label) for label in labels] for name, labels in plain.items()}


def _sources(cfg: DictConfig) -> dict[str, Any]:
    """Return name -> labeller: the one that ``label`` is, or those below ``label.sources``."""
    from xret.commands._assembly import build

    if "_target_" in cfg.label:
        return {HydraConfig.get().runtime.choices["label"]: build(cfg.label, "label")}
    nodes = {name: node for name, node in (cfg.label.get("sources") or {}).items() if node is not None}
    if not nodes:
        raise UserError("label needs a source: label=lexicon, or label=several with a node below label.sources")
    return {name: build(node, f"label.sources.{name}") for name, node in nodes.items()}


def _found(
    cfg: DictConfig, manifest: "Manifest", sources: Mapping[str, Any], attributes: "Mapping[str, list[str] | None]"
) -> "Found":
    from xret.commands._labelling import rows_of

    rows = rows_of(cfg, manifest)
    found = {}
    for name, source in sources.items():
        log.info("%s: %d rows", name, len(rows))
        found[name] = source(rows, attributes)
    return found


def _write(
    cfg: DictConfig, folder: Path, manifest: "Manifest", found: "Found", reports: Mapping[str, Mapping[str, int]]
) -> None:
    from xret.commands._labelled import choose, facts, labelled, table
    from xret.data import writing
    from xret.run.folder import write_whole

    chosen = choose(manifest.rows, found, cfg.min_confidence, cfg.overwrite)
    rows = labelled(manifest.rows, chosen, cfg.weighted)
    rows = _placed(manifest, rows, folder) if cfg.media else rows
    suffix = next((s for s in writing.SUFFIXES if str(cfg.data.get("path", "")).lower().endswith(s)), ".csv")
    told = {
        "rows": len(rows),
        "data": manifest.name,
        "data_hash": manifest.digest(),
        "run": cfg.run,
        "label": OmegaConf.to_container(cfg.label, resolve=True),
        "min_confidence": cfg.min_confidence,
        "overwrite": cfg.overwrite,
        "weighted": cfg.weighted,
        "reports": {name: dict(report) for name, report in reports.items() if report},
        "attributes": facts(manifest.rows, found, chosen, cfg.min_confidence),
    }
    path = folder / f"pairs{suffix}"
    files = {path: writing.table(rows, suffix), folder / "labels.csv": table(manifest.rows, found, chosen)}
    files[folder / "label.json"] = (json.dumps(told, indent=2, ensure_ascii=False) + "\n").encode()
    for file, content in files.items():
        write_whole(file, lambda out, content=content: out.write(content))  # type: ignore[misc]  # the loop's content
    _tell(told, chosen)
    root = "" if cfg.media else f" data.root={manifest.root}"
    print(f"next: python -m xret train data=table data.path={path}{root}")


def _placed(manifest: "Manifest", rows: "Sequence[Row]", folder: Path) -> "list[Row]":
    """Put the media files beside the table and return the rows with references to them."""
    from xret.data.manifest import WORDS
    from xret.data.writing import place

    media = [replace(row, inputs={m: r for m, r in row.inputs.items() if m not in WORDS}) for row in rows]
    placed = place(replace(manifest, rows=tuple(media)), folder)
    return [replace(row, inputs={m: r if m in WORDS else placed[r] for m, r in row.inputs.items()}) for row in rows]


def _tell(told: Mapping[str, Any], chosen: "Mapping[str, Sequence[Given | None]]") -> None:
    """Print what was given, and what the sources are worth where labels were there."""
    print(f"{told['rows']} rows")
    for name in chosen:
        one = told["attributes"][name]
        print(f"{name}: {one['given']} labels given, {one['known']} were there, {one['without']} rows without")
        for source, worth in one["sources"].items():
            against = worth["against_known"]["all"]
            right = "" if against["accuracy"] is None else f", {against['accuracy']:.1%} equal to what was there"
            print(f"  {source:<12} says {worth['said']}, {worth['written']} written{right}")
        for pair in one["agreement"]:
            if pair["rows"]:
                kappa = "" if pair["kappa"] is None else f", kappa {pair['kappa']:.2f}"
                print(f"  {' and '.join(pair['sources'])}: {pair['equal']:.1%} equal on {pair['rows']} rows{kappa}")
    for source, report in told["reports"].items():
        print(f"{source}: " + ", ".join(f"{name} {count}" for name, count in report.items()))
