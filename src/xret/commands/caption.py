"""``xret caption``: let a model write more captions of the training pictures, into a table to train on."""

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.data.manifest import Manifest, Row

log = logging.getLogger(__name__)

_SIDE_PX = 384  # pictures are read at this size and brought to the model's by its own processor


def run(cfg: DictConfig) -> None:
    """Write ``pairs.csv``: all pairs as they are, and behind them the written captions, marked and weighted."""
    from xret.commands._assembly import build
    from xret.data.split import first_groups
    from xret.data.writing import place, table

    folder = Path(HydraConfig.get().runtime.output_dir)
    if (folder / "pairs.csv").exists():
        raise UserError(f"{folder} holds pairs.csv already; choose another folder with hydra.run.dir=DIR")
    _check(cfg)
    manifest: Manifest = build(cfg.data, "data").load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    written = tuple(_written(cfg, manifest))
    rows = (*(replace(row, attributes={**row.attributes, "source": ""}) for row in manifest.rows), *written)
    folder.mkdir(parents=True, exist_ok=True)
    if cfg.media:
        placed = place(manifest, folder)
        rows = tuple(replace(row, inputs={m: placed.get(r, r) for m, r in row.inputs.items()}) for row in rows)
    part = folder / "pairs.csv.part"
    part.write_bytes(table(rows))
    part.replace(folder / "pairs.csv")
    print(f"{len(manifest.rows)} pairs, {len(written)} captions written by {cfg.model}")
    root = "" if cfg.media else f" data.root={manifest.root}"
    print(f"next: python -m xret train data=table data.path={folder / 'pairs.csv'}{root}")


def _check(cfg: DictConfig) -> None:
    from xret.data.manifest import SPLITS

    if not cfg.weight >= 0:
        raise UserError(f"weight must be 0 or more, got {cfg.weight}")
    if unknown := set(cfg.splits) - set(SPLITS):
        raise UserError(f"splits may hold {', '.join(SPLITS)}, got {', '.join(sorted(unknown))}")


def _written(cfg: DictConfig, manifest: "Manifest") -> "Iterator[Row]":
    """Yield a row per written caption that its group does not have yet."""
    captioner = _captioner(cfg)
    rows: dict[str, Row] = {}  # the first row of each picture
    for row in manifest.rows:
        if row.split in cfg.splits and "image" in row.inputs and "text" in row.inputs:
            rows.setdefault(row.inputs["image"], row)
    known = {(row.group, row.inputs.get("text")) for row in manifest.rows}
    ids = {row.id for row in manifest.rows}
    if not rows:
        raise UserError(f"{manifest.name} has no pictures with captions in the splits {', '.join(cfg.splits)}")
    for ref, captions in _captions(cfg, manifest, list(rows), captioner):
        row = rows[ref]
        for number, caption in enumerate(captions):
            name = f"{row.id}/caption{number}"
            if (row.group, caption) not in known and name not in ids:
                known.add((row.group, caption))
                inputs, attributes = {"image": ref, "text": caption}, {**row.attributes, "source": str(cfg.model)}
                yield replace(
                    row, id=name, inputs=inputs, weight=row.weight * cfg.weight, lang="", attributes=attributes
                )


def _captions(
    cfg: DictConfig,
    manifest: "Manifest",
    refs: list[str],
    captioner: Any,  # noqa: ANN401 - of another package
) -> Iterator[tuple[str, list[str]]]:
    """Yield each picture that can be read, and its captions."""
    from xret.data.encoding import pictures

    lost = 0
    for positions, read, broken in pictures(refs, manifest.root, _SIDE_PX, "squash", cfg.batch.size, cfg.batch.workers):
        without = {fault.position for fault in broken}
        lost += len(without)
        kept = [(refs[p], picture) for p, picture in zip(positions.tolist(), read, strict=True) if p not in without]
        if kept:
            names, content = zip(*kept, strict=True)
            yield from zip(names, captioner(content), strict=True)
    if lost:
        log.warning("%d pictures cannot be read and got no caption", lost)


def _captioner(cfg: DictConfig) -> Any:  # noqa: ANN401 - of another package
    import torch
    from transformers import AutoModelForImageTextToText

    from xret.augmentation.caption import Captioner
    from xret.encoder.pretrained import load_image_processor, load_model, load_tokenizer

    network: Any = load_model(AutoModelForImageTextToText, cfg.model)
    device = ("cuda" if torch.cuda.is_available() else "cpu") if cfg.device == "auto" else cfg.device
    processor, tokenizer = load_image_processor(cfg.model), load_tokenizer(cfg.model)
    try:
        return Captioner(network.to(device), processor, tokenizer, cfg.captions, cfg.beams, cfg.max_tokens)
    except ValueError as error:
        raise UserError(str(error)) from error
