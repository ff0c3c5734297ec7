"""A folder of vectors: what a run made of a gallery, in shards, with what each vector stands for."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from xret._errors import UserError
from xret.run.folder import write_whole

FACTS = "vectors.json"
COLUMNS = ("id", "text", "path", "group", "split", "attributes")


@dataclass(frozen=True)
class Item:
    """What a vector stands for.

    Attributes:
        id: of the first row that holds it.
        text: the text itself, or the first caption of a picture; "" where it has none.
        path: of the media file, absolute, with ``#layer`` where it has one; "" for texts.
        group: what makes two items right answers to each other.
        split: "train", "val", "test" or "".
        attributes: of the first row that holds it.
    """

    id: str
    text: str
    path: str
    group: str
    split: str
    attributes: Mapping[str, str]


@dataclass(frozen=True)
class Facts:
    """What all vectors of a folder have in common.

    Attributes:
        run: folder of the run that made them, absolute.
        weights: hash of the run's model; vectors of different models never meet.
        data: name of the data set.
        items: modality -> how many.
        dim: D, the length of each vector; each has norm 1.
        shards: modality -> how many.
        format: of the folder.
    """

    run: str
    weights: str
    data: str
    items: dict[str, int]
    dim: int
    shards: dict[str, int]
    format: int = 1


@dataclass(frozen=True)
class VectorFolder:
    """The files of one embedding: ``<modality>/00000.npy`` and ``.parquet``, and ``vectors.json`` when it is complete.

    Attributes:
        path: the folder.
    """

    path: Path

    @classmethod
    def open(cls, path: Path) -> "VectorFolder":
        """Return a complete folder.

        Raises:
            UserError: there is none.
        """
        folder = cls(path)
        if not (path / FACTS).is_file():
            begun = any(path.glob("*/*.npy")) if path.is_dir() else False
            hint = "embed was stopped there; the same command again goes on" if begun else "embed writes one"
            raise UserError(f"{path} is no complete folder of vectors: it has no {FACTS}; {hint}")
        return folder

    def facts(self) -> Facts:
        """Read what all vectors have in common.

        Raises:
            UserError: the file is broken, or of another version of xret.
        """
        try:
            facts = Facts(**json.loads((self.path / FACTS).read_text()))
        except (OSError, ValueError, TypeError) as error:
            raise UserError(f"cannot read {self.path / FACTS}: {error}; embed again") from error
        if facts.format != Facts.format:
            raise UserError(f"{self.path} has format {facts.format}, this version reads {Facts.format}; embed again")
        return facts

    def finish(self, facts: Facts) -> None:
        """Mark the folder as complete."""
        write_whole(self.path / FACTS, lambda file: file.write((json.dumps(asdict(facts), indent=1) + "\n").encode()))

    def has(self, modality: str, shard: int) -> bool:
        """Tell whether a shard is whole."""
        return self._file(modality, shard, "parquet").is_file()

    def write(self, modality: str, shard: int, vectors: np.ndarray, items: Sequence[Item]) -> None:
        """Write a shard; its table comes last and tells that it is whole.

        Args:
            modality: of the items.
            shard: its number, from 0.
            vectors: (N, D) float32.
            items: N of them.

        Raises:
            UserError: the disk is full or may not be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = [asdict(item) | {"attributes": json.dumps(dict(item.attributes), ensure_ascii=False)} for item in items]
        table = pa.table({name: pa.array([row[name] for row in rows], pa.string()) for name in COLUMNS})
        write_whole(self._file(modality, shard, "npy"), lambda file: np.save(file, vectors.astype(np.float32)))
        write_whole(self._file(modality, shard, "parquet"), lambda file: pq.write_table(table, file))

    def shards(self, modality: str) -> Iterator[np.ndarray]:
        """Give the vectors (N, D) float32 shard by shard, memory-mapped."""
        for shard in range(self.facts().shards[modality]):
            yield np.load(self._file(modality, shard, "npy"), mmap_mode="r")

    def table(self, modality: str) -> Any:  # noqa: ANN401 - a pyarrow.Table
        """Return what the vectors stand for, a row each, as they are on disk; see `COLUMNS`."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        shards = range(self.facts().shards[modality])
        return pa.concat_tables(pq.read_table(self._file(modality, shard, "parquet")) for shard in shards)

    def _file(self, modality: str, shard: int, suffix: str) -> Path:
        return self.path / modality / f"{shard:05d}.{suffix}"
