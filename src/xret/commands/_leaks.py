"""The leak guard of a training: pictures that are in two splits under different groups."""

import csv
import hashlib
import io
import json
import logging
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from omegaconf import DictConfig

from xret._errors import UserError
from xret.clean import Finding
from xret.clean.pairs import THUMBNAIL_PX, Pairs, _alignment, _copies
from xret.clean.pairs._copies import Copy, copies
from xret.clean.pairs.leaks import Leaks
from xret.commands._assembly import Prepared
from xret.commands._sources import feature_cache
from xret.data.content import content_key
from xret.data.encoding import pictures
from xret.data.manifest import Manifest
from xret.run.folder import RunFolder, write_whole

log = logging.getLogger(__name__)

WAYS = ("fail", "warn", "off")
_SURE = 0.5  # evidence of a leak, less of a picture that only looks like one
_TOLERATED = 0.01  # share of the pictures of val and test: as many may be said to be copies and are none


def check_way(way: object) -> None:
    """Raise unless ``leaks`` is one of its words.

    Raises:
        UserError: naming them.
    """
    if way not in WAYS:
        raise UserError(f"leaks must be one of {', '.join(WAYS)}, got {way}")


def guard(cfg: DictConfig, record: RunFolder, prepared: Prepared) -> None:
    """Look for copies of pictures across splits; write them to ``leaks.csv``, and stop or warn as ``leaks`` says.

    Which pictures are copies is stored under the cache folder by their content, whatever their splits.

    Raises:
        UserError: there are more than one in a hundred pictures of val and test, and ``leaks`` is fail.
    """
    if cfg.leaks == "off" or "image" not in prepared.items:
        return
    step = Leaks()
    found = step.across(_pairs(prepared.manifest, prepared.of_row["image"]), _copies_of(cfg, prepared, step.most))
    if not found:
        return
    if not record.silent:
        record.write_text("leaks.csv", _table(found))
    sure = [finding for finding in found if finding.evidence >= _SURE]
    held_out = np.concatenate([prepared.of_row["image"][prepared.rows(name)] for name in ("val", "test")])
    share = len({finding.rows[0] for finding in sure}) / max(1, len(np.unique(held_out)))
    shown = ", ".join(" = ".join(finding.rows) for finding in found[:3])
    what = f"{len(sure)} pictures of val or test have a copy in another split ({shown}{', ...' * (len(found) > 3)})"
    if cfg.leaks == "fail" and share > _TOLERATED:
        raise UserError(
            f"{what}; all are in {record.path / 'leaks.csv'}: give copies one group, or leave them out, or leaks=warn"
        )
    if sure:
        log.warning("leaks: %s; see leaks.csv", what)


def _pairs(manifest: Manifest, of_row: np.ndarray) -> Pairs:
    rows = manifest.rows
    captions = [row.inputs.get("text", "") for row in rows]
    return Pairs([r.id for r in rows], [r.group for r in rows], [str(r.split) for r in rows], captions, of_row)


def _copies_of(cfg: DictConfig, prepared: Prepared, most: float) -> list[Copy]:
    """Return the copies among the pictures, stored ones where there are any."""
    items, root = prepared.items["image"], prepared.manifest.root
    key = content_key(f"copies {most} {_method()}", items, root)
    path = feature_cache(cfg).root / "leaks" / f"{key}.json"
    try:
        return [Copy(int(a), int(b), float(rest), bool(turned)) for a, b, rest, turned in json.loads(path.read_text())]
    except (OSError, ValueError, TypeError):
        log.info("leaks: %d pictures are compared", len(items))

    found = copies(thumbnails(items.refs, root, cfg.batch.workers), most)
    try:
        write_whole(path, lambda file: file.write(json.dumps(found).encode()))
    except UserError as error:
        log.warning("leaks: what was found is not stored: %s", error)
    return found


def thumbnails(refs: Sequence[str], root: Path, workers: int) -> Iterator[np.ndarray]:
    """Yield small pictures in their order, in blocks (B, H, W, 3); zeros where one cannot be read."""
    waiting: dict[int, np.ndarray] = {}
    done = 0
    for positions, block, _ in pictures(refs, root, THUMBNAIL_PX, "squash", 64, workers):
        waiting[int(positions[0])] = np.stack(block).transpose(0, 2, 3, 1)
        while done in waiting:  # processes that read may overtake each other
            whole = waiting.pop(done)
            done += len(whole)
            yield np.ascontiguousarray(whole)


def _method() -> str:
    """Return a hash of the code that finds copies: what another version found is found anew."""
    code = [Path(str(module.__file__)).read_bytes() for module in (_alignment, _copies)]
    return hashlib.sha256(b"".join(code)).hexdigest()


def _table(found: list[Finding]) -> str:
    table = io.StringIO()
    rows = [(*finding.rows, f"{finding.evidence:.2f}", finding.reason) for finding in found]
    csv.writer(table, lineterminator="\n").writerows([("id", "copy", "evidence", "reason"), *rows])
    return table.getvalue()
