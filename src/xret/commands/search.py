"""``xret search``: ask an index, with a text or a picture."""

import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    from xret.commands._answering import Answer, Answering, Found
    from xret.commands._filtering import Where

_SUFFIXES = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".tif", ".tiff", ".ppm", ".avif", ".svg")
_BATCH = 64  # queries encoded at once


def run(cfg: DictConfig) -> None:
    """Print the nearest items to one query, or to each of a file."""
    _check(cfg)
    from xret.run.index_folder import IndexFolder

    IndexFolder.open(Path(cfg.index.path))  # a mistake in its name is told before the seconds that torch takes
    asked = [str(cfg.query)] if cfg.query is not None else _from_file(Path(cfg.queries), cfg.column)
    from xret.commands._answering import Answering
    from xret.commands._assembly import build

    reranker = build(cfg.rerank, "rerank") if "_target_" in cfg.rerank else None
    answering = Answering(
        Path(cfg.index.path), None if cfg.run is None else Path(cfg.run), cfg.trust, reranker, cfg.hubs
    )
    where = _where(cfg.filter)
    answering.filtering.key(where)
    for begin in range(0, len(asked), _BATCH):
        part = asked[begin : begin + _BATCH]
        _print(part, _found(answering, part, cfg.k, where, files=cfg.query is not None), cfg.format)


def _check(cfg: DictConfig) -> None:
    if cfg.format not in {"table", "json"}:
        raise UserError(f"format must be table or json, got {cfg.format}")
    if not isinstance(cfg.k, int) or cfg.k < 1:
        raise UserError(f"k must be a whole number, at least 1, got {cfg.k}")
    if (cfg.query is None) == (cfg.queries is None):
        raise UserError('name one of query="..." and queries=FILE')
    if cfg.query is not None and not str(cfg.query).strip():
        raise UserError("query must be a text or a picture file, got an empty one")


def _found(answering: "Answering", asked: Sequence[str], k: int, where: "Where", files: bool) -> "Found":
    from xret.commands._answering import Query

    values = [answering.picture(Path(text)) if files and _is_picture(text) else text for text in asked]
    return answering([Query(value, k, where) for value in values])


def _is_picture(query: str) -> bool:
    """Tell whether a query names a picture: by its ending, or because there is such a file."""
    if "\n" in query or Path(query).suffix.lower() in _SUFFIXES:
        return "\n" not in query
    try:
        return Path(query).is_file()
    except (OSError, ValueError):  # a text too long for a file's name
        return False


def _from_file(path: Path, column: str) -> list[str]:
    """Return the texts of a file: a table's column, or one of each line.

    Raises:
        UserError: the file cannot be read, lacks the column or holds no text.
    """
    if path.suffix.lower() in {".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".parquet", ".pq"}:
        texts = list(_of_column(path, column))
    else:
        try:
            texts = [line.strip() for line in path.read_text(encoding="utf-8-sig").split("\n")]
        except (OSError, ValueError) as error:
            raise UserError(f"queries must be a file of texts: {path}: {getattr(error, 'strerror', error)}") from error
    texts = [text for text in texts if text]
    if not texts:
        raise UserError(f"{path} holds no query: write one on each line, or a table with a column {column}")
    return texts


def _of_column(path: Path, column: str) -> Iterator[str]:
    from xret.data.parsing import read_table

    names, records = read_table(path)
    if column not in names:
        raise UserError(f"{path} has no column {column!r}, it has {', '.join(names) or 'none'}; name one by column=...")
    for _, record in records:
        value = record.get(column, "") if isinstance(record, dict) else ""
        yield from [value.strip()] if isinstance(value, str) else (text.strip() for text in value)


def _where(given: DictConfig | None) -> "Where":
    if given is None:
        return {}
    plain = OmegaConf.to_container(given, resolve=True) if OmegaConf.is_config(given) else None
    if not isinstance(plain, dict):
        raise UserError(f"filter must be names and values, like filter='{{category: food}}', got {given}")
    return {str(n): [str(v) for v in value] if isinstance(value, list) else str(value) for n, value in plain.items()}


def _print(asked: Sequence[str], found: "Found", style: str) -> None:
    """Print the answers; the time of queries that were answered at once is shared out evenly."""
    from xret.commands._answering import as_json

    ms = {name: time / len(asked) for name, time in found.ms.items()}
    for text, answers in zip(asked, found.answers, strict=True):
        if style == "json":
            print(as_json(text, answers, ms))
            continue
        if len(asked) > 1:
            print(text)
        print(_table(answers, shutil.get_terminal_size((120, 24)).columns if sys.stdout.isatty() else None))
    if style == "table":
        print(", ".join(f"{name} {time:.1f} ms" for name, time in ms.items()) + (" each" if len(asked) > 1 else ""))
    sys.stdout.flush()


def _table(answers: Sequence["Answer"], width: int | None) -> str:
    """Return the answers, a line each; where there is a width, texts and then paths are cut to fit into it."""
    if not answers:
        return "no item passes the filter"
    name = max(len(answer.id) for answer in answers)
    text = max(len(answer.text) for answer in answers)
    if width is not None:
        name = min(name, 24, max(8, width // 4))
        text = max(12, min(text, width // 2, width - name - 17))
    lines = []
    for rank, answer in enumerate(answers, start=1):
        start = f"{rank:>3}  {answer.score:6.3f}  {_cut(answer.id, name):<{name}}  {_cut(answer.text, text):<{text}}"
        room = None if width is None else width - len(start) - 2
        path = (
            answer.path
            if room is None or len(answer.path) <= room
            else "…" + answer.path[len(answer.path) - room + 1 :]
        )
        lines.append(f"{start}  {path}" if room is None or room > 8 else start)
    return "\n".join(line.rstrip() for line in lines)


def _cut(text: str, width: int) -> str:
    plain = " ".join(text.split())
    return plain if len(plain) <= width else plain[: width - 1] + "…"
