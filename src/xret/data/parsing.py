"""Table files: CSV, TSV, JSONL and Parquet, read without guessing what a value means."""

import csv
import io
import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xret._errors import UserError
from xret.data.faults import RowError

Record = dict[str, str | list[str]]

_SUFFIXES = {".csv": ",", ".tsv": "\t", ".tab": "\t"}
_MAX_LINES = 1000  # of one quoted field


def read_table(path: Path) -> tuple[list[str], Iterator[tuple[str, Record | RowError]]]:
    """Read a table.

    Values stay as they are written: "007", "NA" and "null" are text. Empty fields and nulls are left out of a record.
    Bytes that are not UTF-8 become lone surrogates, for the row's own check to find.

    Args:
        path: .csv, .tsv, .jsonl or .parquet.

    Returns:
        The columns; and for each row its number, counted from 1, and a record or why there is none.

    Raises:
        UserError: the file is missing, of another kind, or cannot be read as a whole.
    """
    kind = path.suffix.lower()
    try:
        if kind in _SUFFIXES:
            return _delimited(path, _SUFFIXES[kind])
        if kind in (".jsonl", ".ndjson"):
            return _jsonl(path)
        if kind in (".parquet", ".pq"):
            return _parquet(path)
    except OSError as error:
        raise UserError(f"data.path must be a table: {path}: {error.strerror or error}") from None
    raise UserError(f"data.path must end in .csv, .tsv, .jsonl or .parquet, got {path}")


def _text(path: Path) -> str:
    data = path.read_bytes()
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):  # spreadsheets save "Unicode text" so
        return data.decode("utf-16", errors="replace")
    return data.decode("utf-8", errors="surrogateescape").removeprefix("\ufeff")


def _delimited(path: Path, delimiter: str) -> tuple[list[str], Iterator[tuple[str, Record | RowError]]]:
    csv.field_size_limit(2**31 - 1)
    lines = list(io.StringIO(_text(path), newline=""))
    header = next(csv.reader(lines[:1], delimiter=delimiter), [])
    columns = [name.strip() for name in header]
    if not any(columns):
        raise UserError(f"{path} has no header: its first line must name the columns")
    if len(set(columns)) != len(columns):
        twice = next(name for name in columns if columns.count(name) > 1)
        raise UserError(f"{path} has two columns called {twice!r}; rename one")
    rows = (row for row in _fields(lines, delimiter) if row)
    return columns, ((str(i), _record(columns, fields)) for i, fields in enumerate(rows, 1))


def _fields(lines: list[str], delimiter: str) -> Iterator[list[str]]:
    """Yield the fields of each row behind the header.

    Where quotes do not match, or stay open for `_MAX_LINES`, the line is taken as it is written: a quotation mark in a
    caption costs no other row.
    """
    position = begin = 1

    def feed() -> Iterator[str]:
        nonlocal position
        while position < min(len(lines), begin + _MAX_LINES):
            position += 1
            yield lines[position - 1]

    while position < len(lines):
        try:
            for fields in csv.reader(feed(), delimiter=delimiter, strict=True):
                begin = position
                yield fields
        except csv.Error:
            position = begin = begin + 1
            yield lines[begin - 1].rstrip("\r\n").split(delimiter)


def _record(columns: list[str], fields: list[str]) -> Record | RowError:
    if len(fields) != len(columns):
        return RowError("fields", f"{len(fields)} fields, the table has {len(columns)} columns")
    return {name: field for name, field in zip(columns, fields, strict=True) if field}


def _jsonl(path: Path) -> tuple[list[str], Iterator[tuple[str, Record | RowError]]]:
    lines = [line for line in _text(path).split("\n") if line.strip()]
    rows = [_parse(line) for line in lines]
    columns = dict.fromkeys(name for row in rows if isinstance(row, dict) for name in row)
    return list(columns), ((str(i), _checked(row)) for i, row in enumerate(rows, 1))


def _parse(line: str) -> dict[str, Any] | RowError:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RowError("fields", f"not valid JSON: {error}")
    return row if isinstance(row, dict) else RowError("fields", f"a line must be an object, got {line[:40]}")


def _parquet(path: Path) -> tuple[list[str], Iterator[tuple[str, Record | RowError]]]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except pa.ArrowException as error:
        raise UserError(f"{path} is not a Parquet file: {str(error).splitlines()[0]}") from None

    def rows() -> Iterator[tuple[str, Record | RowError]]:
        number = 0
        for batch in table.to_batches(max_chunksize=10_000):
            for row in _python_rows(batch):
                number += 1
                yield str(number), _checked(row)

    return list(table.column_names), rows()


def _python_rows(batch: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - an untyped library's record batch
    """Yield the rows of a batch; where a column holds bytes that are not UTF-8, its values come as bytes."""
    columns = {}
    for name, column in zip(batch.schema.names, batch.columns, strict=True):
        try:
            columns[name] = column.to_pylist()
        except UnicodeDecodeError:
            columns[name] = column.cast("binary").to_pylist()
    for values in zip(*columns.values(), strict=True):
        yield dict(zip(columns, values, strict=True))


def _checked(row: dict[str, Any] | RowError) -> Record | RowError:
    if isinstance(row, RowError):
        return row
    try:
        return {name: text for name, value in row.items() if (text := _value(name, value)) not in ("", [])}
    except RowError as error:
        return error


def _value(name: str, value: object) -> str | list[str]:
    """Return a value as text, or as texts; null and NaN as ""."""
    if isinstance(value, list | tuple):
        texts = [_value(name, each) for each in value]
        if any(isinstance(text, list) for text in texts):
            raise RowError("value", f"{name} is a list of lists")
        return [text for text in texts if isinstance(text, str)]
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    if isinstance(value, bytes):
        return value.decode(errors="surrogateescape")
    if isinstance(value, dict):
        raise RowError("value", f"{name} is an object, must be text or a list of texts")
    return str(value).lower() if isinstance(value, bool) else str(value)
