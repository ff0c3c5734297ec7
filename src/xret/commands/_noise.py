"""Pairs mismatched on purpose: applied to the training rows, recorded beside the run."""

import csv
import hashlib
import io
import logging
from dataclasses import replace
from typing import Any

from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared, build

log = logging.getLogger(__name__)


def with_noise(cfg: DictConfig, prepared: Prepared) -> Prepared:
    """Return the data with the training pairs that ``noise`` makes of it.

    Items and their features are those of the clean data, and so are the rows of other splits; what changes is which
    item a training row holds. A row keeps its id and its group.

    Raises:
        UserError: the data has not what is to be swapped, or too little of it.
    """
    if "_target_" not in cfg.noise:
        return prepared
    noise: Any = build(cfg.noise, "noise")
    if noise.what not in prepared.of_row:
        raise UserError(f"noise.what={noise.what} is none of {', '.join(prepared.of_row)}, which the model reads")
    train = prepared.rows("train")
    try:
        source = train[noise(prepared.manifest.group_ids()[train])]
    except ValueError as error:
        raise UserError(f"noise: {error}") from error
    rows, of_row = list(prepared.manifest.rows), prepared.of_row[noise.what].copy()
    partner: dict[int, int] = {}
    for row, other in zip(train.tolist(), source.tolist(), strict=True):
        if row != other:
            partner[row] = other
            given = prepared.manifest.rows[other].inputs[noise.what]
            rows[row] = replace(rows[row], inputs={**rows[row].inputs, noise.what: given})
            of_row[row] = prepared.of_row[noise.what][other]
    log.info(
        "noise: %d of %d training pairs hold the %s of another; val and test stay as they are",
        len(partner),
        len(train),
        noise.what,
    )
    manifest = replace(prepared.manifest, rows=tuple(rows))
    return replace(prepared, manifest=manifest, of_row={**prepared.of_row, noise.what: of_row}, partner=partner)


def noise_table(prepared: Prepared) -> str:
    """Return the mismatched rows as CSV: id of each, id of the row whose partner it holds."""
    ids = [row.id for row in prepared.manifest.rows]
    table = io.StringIO()
    pairs = [(ids[row], ids[other]) for row, other in sorted(prepared.partner.items())]
    csv.writer(table, lineterminator="\n").writerows([("id", "partner_of"), *pairs])
    return table.getvalue()


def noise_facts(cfg: DictConfig, prepared: Prepared) -> dict[str, Any] | None:
    """Return what identifies the noise of a run: its settings, how many rows, a hash of `noise_table`; None without."""
    if not prepared.partner:
        return None
    settings = {name: cfg.noise[name] for name in cfg.noise if name != "_target_"}
    digest = hashlib.sha256(noise_table(prepared).encode()).hexdigest()
    return {**settings, "rows": len(prepared.partner), "sha256": digest}
