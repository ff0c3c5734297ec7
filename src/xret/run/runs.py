"""Finished runs on disk: finding their folders, and reading what a comparison needs."""

import glob
import hashlib
import json
import os
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml  # type: ignore[import-untyped]  # comes without types

from xret._errors import UserError
from xret.run.folder import RunFolder

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
INDEX = ("query", "group", "fold")


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        path: its folder.
        config: resolved, as nested dictionaries.
        provenance: see `xret.run.provenance.provenance`.
        cost: see `xret.run.cost.cost`.
        finished: when, in seconds since 1970.
    """

    path: Path
    config: Mapping[str, Any]
    provenance: Mapping[str, Any]
    cost: Mapping[str, Any]
    finished: float

    @property
    def seed(self) -> int:
        """The seed it was trained with."""
        return int(self.config["seed"])

    @cached_property
    def names(self) -> list[str]:
        """Names of the stored arrays: "test/text_to_image/mrr" and so on."""
        with self._open() as arrays:
            return list(arrays.files)

    def figures(self, split: str) -> dict[str, list[str]]:
        """Return direction -> names of its figures in a split; empty where the split was not measured."""
        found: dict[str, list[str]] = {}
        for name in self.names:
            where, _, rest = name.partition("/")
            direction, _, column = rest.partition("/")
            if where == split and column and column not in INDEX:
                found.setdefault(direction, []).append(column)
        return found

    def asked(self, split: str) -> dict[str, str]:
        """Return direction -> hash of the queries that were asked in a split, their groups and folds."""
        if split not in self._asked:
            found = {}
            for direction in self.figures(split):
                digest = hashlib.sha256()
                for array in self.read([f"{split}/{direction}/{column}" for column in INDEX]).values():
                    digest.update(array.astype(np.int64).tobytes())
                found[direction] = digest.hexdigest()
            self._asked[split] = found
        return self._asked[split]

    @cached_property
    def _asked(self) -> dict[str, dict[str, str]]:
        return {}

    def read(self, names: Sequence[str]) -> dict[str, np.ndarray]:
        """Return some of the stored arrays by name."""
        with self._open() as arrays:
            missing = [name for name in names if name not in arrays.files]
            if missing:
                raise UserError(f"{self.path} has no {missing[0]} in per_query.npz; leave it out")
            return {name: arrays[name] for name in names}

    def _open(self) -> Any:  # noqa: ANN401 - the type of an open .npz file is private
        try:
            return np.load(self.path / "per_query.npz")
        except (OSError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"cannot read {self.path / 'per_query.npz'}: {error}") from error


def find(patterns: Iterable[str]) -> list[Path]:
    """Return the run folders that patterns name, in their order, each once.

    A run folder is one with a config.yaml. A folder without one stands for the run folders below it.

    Args:
        patterns: folders, or globs of folders.

    Raises:
        UserError: a pattern names nothing, or no run folder lies there.
    """
    found: dict[Path, Path] = {}
    for pattern in patterns:
        places = sorted(glob.glob(pattern, recursive=True)) if glob.has_magic(pattern) else [pattern]
        inside = [run for place in places for run in _below(Path(place))]
        if not inside:
            known = bool(places) and Path(places[0]).exists()
            why = "holds no run folder, which has a config.yaml" if known else "does not exist"
            raise UserError(f"{pattern} {why}; name folders from the last line of a training, or one that holds them")
        found |= {run.resolve(): run for run in inside if run.resolve() not in found}
    return list(found.values())


def _below(place: Path) -> list[Path]:
    runs = []
    for folder, inner, files in os.walk(place, followlinks=True):
        if "config.yaml" in files:
            runs.append(Path(folder))
            inner.clear()  # the folds of a run are no runs of their own
        inner.sort()
    return runs


def read(path: Path) -> Run | str:
    """Read a run folder; for one that holds nothing to compare, return why.

    Raises:
        UserError: a file is broken.
    """
    folder = RunFolder.open(path)
    if not folder.metrics.exists():
        return "it is not finished"
    missing = [name for name in ("provenance.json", "cost.json", "per_query.npz") if not (path / name).exists()]
    if missing:
        return f"it is no training: it has no {' and no '.join(missing)}"
    try:
        config = yaml.load(folder.config.read_text(), Loader=_LOADER)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise UserError(f"cannot read {folder.config}: {error}") from error
    if not isinstance(config, dict) or not isinstance(config.get("seed"), int):
        raise UserError(f"{folder.config} must hold the settings of a training with a whole number as seed")
    provenance, cost = folder.read_json("provenance.json"), folder.read_json("cost.json")
    return Run(path, config, provenance, cost, folder.metrics.stat().st_mtime)


def read_all(paths: Sequence[Path], split: str) -> tuple[list[Run], list[str]]:
    """Read the finished runs that measured a split.

    Args:
        paths: run folders.
        split: "test" or "val".

    Returns:
        The runs, and a line on each folder that is left out.

    Raises:
        UserError: none is left.
    """
    runs, notes = [], []
    for path in paths:
        run = read(path)
        if isinstance(run, str):
            notes.append(f"{path} is left out: {run}")
        elif not run.figures(split):
            notes.append(f"{path} is left out: it did not measure {split}")
        else:
            runs.append(run)
    if not runs:
        hint = "; split=val compares validation figures" if any("did not measure" in note for note in notes) else ""
        raise UserError(f"none of {len(paths)} runs is finished and measured {split}: {notes[0]}{hint}")
    return runs, notes


def conflict(one: Run, other: Run, split: str) -> str | None:
    """Return what keeps two runs from being compared, or None: protocol, data, how it is split, or the queries."""
    for name, values in {
        "protocol": [json.dumps(run.config.get("protocol"), sort_keys=True) for run in (one, other)],
        "data hash": [str(run.provenance.get("data_hash"))[:12] for run in (one, other)],
        "split hash": [str(run.provenance.get("split_hash"))[:12] for run in (one, other)],
        "target hash": [str(run.provenance.get("target_hash"))[:12] for run in (one, other)],
    }.items():
        if values[0] != values[1] and (split == "target" or name != "target hash"):
            return f"the {name} ({values[0]} and {values[1]})"
    return None if one.asked(split) == other.asked(split) else f"the queries of {split}"
