"""Arrow files as Hugging Face's library keeps them, row by row."""

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xret._errors import UserError
from xret.data.unpacking import container_key

_TOGETHER = 64  # rows in memory at a time, with their pictures

Found = tuple[list["Part"], str, Path]  # parts, licence, folder that paths in them must lie in


@dataclass(frozen=True)
class Part:
    """A split of a data set.

    Attributes:
        split: its name.
        key: hash of its content.
        features: column -> what the data set says of it.
        rows: gives its rows, one after the other; pictures as they are stored.
    """

    split: str
    key: str
    features: Mapping[str, Any]
    rows: Callable[[], Iterator[dict[str, Any]]]


def saved(folder: Path) -> Found:
    """Return what ``save_to_disk`` wrote into a folder.

    Raises:
        UserError: it wrote none, or the files are broken.
    """
    splits = _json(folder / "dataset_dict.json").get("splits") if (folder / "dataset_dict.json").is_file() else None
    if splits is not None and not (isinstance(splits, list) and splits and all(_plain(name) for name in splits)):
        raise UserError(f"{folder / 'dataset_dict.json'} names no splits that are folders beside it")
    folders = {folder.name: folder} if splits is None else {name: folder / name for name in splits}
    parts = [_saved_part(split, path) for split, path in folders.items()]
    info = _json(next(iter(folders.values())) / "dataset_info.json")
    return parts, str(info.get("license") or ""), folder


def _saved_part(split: str, folder: Path) -> Part:
    if not (folder / "state.json").is_file():
        raise UserError(
            f"{folder} was not written by save_to_disk: it has no state.json; a table of Parquet is data=table"
        )
    state, info = _json(folder / "state.json"), _json(folder / "dataset_info.json")
    listed = state.get("_data_files")
    names = [each.get("filename") if isinstance(each, dict) else None for each in listed or []]
    if not names or not all(_plain(name) and (folder / str(name)).is_file() for name in names):
        raise UserError(f"{folder / 'state.json'} must name Arrow files beside it, got {names[:3]}")
    if state.get("_indices_data_files"):
        raise UserError(f"{folder} keeps its rows in another order than its files; save it once more, flattened")
    files = [folder / str(name) for name in names]
    features = info.get("features")
    columns = dict.fromkeys(_schema(files[0]))
    told = features if isinstance(features, dict) else {}
    key = container_key("arrow", [*files, folder / "dataset_info.json"])
    return Part(split, key, {name: told.get(name) for name in columns}, lambda: _rows(files))


def _plain(name: object) -> bool:
    """Tell whether a name is that of something in the folder itself."""
    return isinstance(name, str) and name not in ("", ".", "..") and "/" not in name and "\0" not in name


def _json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"cannot read {path}: {error}") from None
    if not isinstance(found, dict):
        raise UserError(f"{path} must hold an object")
    return found


def _schema(path: Path) -> list[str]:
    import pyarrow as pa

    try:
        with pa.memory_map(str(path)) as file:
            names: list[str] = pa.ipc.open_stream(file).schema.names
            return names
    except (pa.ArrowException, OSError) as error:
        raise UserError(f"{path} is no Arrow stream: {str(error).splitlines()[0]}") from None


def _rows(files: Sequence[Path]) -> Iterator[dict[str, Any]]:
    import pyarrow as pa

    for path in files:
        try:
            with pa.memory_map(str(path)) as file:
                for batch in pa.ipc.open_stream(file):
                    batch.validate(full=True)  # offsets of a broken file lead anywhere
                    for begin in range(0, batch.num_rows, _TOGETHER):
                        yield from batch.slice(begin, _TOGETHER).to_pylist()
        except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
            raise UserError(f"{path} is broken: {str(error).splitlines()[0]}") from None


def hub(name: str, subset: str | None) -> Found:
    """Return a data set of the hub; the library keeps it in a cache of its own.

    Raises:
        UserError: the library is not installed, or the hub has no such data set or cannot be reached.
    """
    try:
        import datasets
    except ImportError:
        raise UserError(
            f"data.path={name} is no folder, and to load it from the hub takes the extra huggingface: "
            "pip install 'xret[huggingface]'"
        ) from None
    logging.getLogger("huggingface_hub").setLevel(logging.ERROR)  # it tells of every attempt
    try:
        found = datasets.load_dataset(name, subset)
    except Exception as error:  # the library and its transports raise whatever they like
        lines = str(error).splitlines() or [type(error).__name__]
        raise UserError(f"data.path={name} is no folder, and the hub does not give it: {lines[0]}") from error
    parts = [Part(str(split), one._fingerprint, one.features.to_dict(), _of_hub(one)) for split, one in found.items()]
    licence = next((one.info.license for one in found.values()), "")
    return parts, str(licence or ""), Path(datasets.config.HF_CACHE_HOME)


def _of_hub(one: Any) -> Callable[[], Iterator[dict[str, Any]]]:  # noqa: ANN401 - a Dataset of an optional library
    def rows() -> Iterator[dict[str, Any]]:
        for table in one.with_format("arrow").iter(_TOGETHER):
            yield from table.to_pylist()

    return rows
