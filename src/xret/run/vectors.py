"""A folder of vectors: what a run made of a gallery, in shards, with what each vector stands for."""

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from xret._errors import UserError
from xret.data.manifest import Rejected
from xret.run.folder import write_whole
from xret.run.whole import digest

FACTS = "vectors.json"
COLUMNS = ("id", "text", "path", "group", "split", "attributes")

_ABOUT = b"xret"  # key of a table's own facts: the hash of its vectors, and what was left out of the shard

_ENDS = ("npy", "parquet")


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
        runtime: what ran the frozen image encoder: torch, onnx or openvino.
        files: file of a shard -> SHA-256 of its content.
        fingerprint: hash of `files`: equal where two folders hold the same vectors of the same items.
    """

    run: str
    weights: str
    data: str
    items: dict[str, int]
    dim: int
    shards: dict[str, int]
    format: int = 1
    runtime: str = "torch"
    files: dict[str, str] = field(default_factory=dict)
    fingerprint: str = ""


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
        """Mark the folder as complete; what identifies its files is found here."""
        files = {}
        for modality, count in facts.shards.items():
            for shard in range(count):
                table = self._file(modality, shard, "parquet")
                files[f"{modality}/{shard:05d}.npy"] = str(_about(table)["vectors"])
                files[f"{modality}/{shard:05d}.parquet"] = digest(table)
        fingerprint = hashlib.sha256(json.dumps(sorted(files.items())).encode()).hexdigest()
        whole = asdict(facts) | {"files": files, "fingerprint": fingerprint}
        write_whole(self.path / FACTS, lambda file: file.write((json.dumps(whole, indent=1) + "\n").encode()))

    def check(self) -> None:
        """Read every shard once.

        Raises:
            UserError: a file is missing or not what was written; it names the file.
        """
        facts = self.facts()
        wanted = {f"{m}/{n:05d}.{end}" for m, count in facts.shards.items() for n in range(count) for end in _ENDS}
        if wanted != facts.files.keys():
            raise UserError(f"{self.path / FACTS} does not name the files of its shards; embed again")
        for name, known in facts.files.items():
            try:
                found = digest(self.path / name)
            except OSError as error:
                raise UserError(f"cannot read {self.path / name}: {error.strerror}; embed again") from error
            if found != known:
                raise UserError(f"{self.path / name} is not what was written: it was cut off or changed; embed again")

    def has(self, modality: str, shard: int) -> bool:
        """Tell whether a shard is whole: its table is there, and the vectors are those that were written with it."""
        table, vectors = (self._file(modality, shard, end) for end in ("parquet", "npy"))
        try:
            return bool(_about(table)["vectors"] == digest(vectors))
        except (OSError, ValueError, KeyError):
            return False

    def write(
        self,
        modality: str,
        shard: int,
        vectors: np.ndarray,
        items: Sequence[Item],
        rejected: Sequence[Rejected] = (),
    ) -> None:
        """Write a shard; its table comes last and tells that it is whole.

        Args:
            modality: of the items.
            shard: its number, from 0.
            vectors: (N, D) float32.
            items: N of them.
            rejected: items that could not be read, and why.

        Raises:
            UserError: the disk is full or may not be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        where = self._file(modality, shard, "npy")
        write_whole(where, lambda file: np.save(file, vectors.astype(np.float32)))
        rows = [asdict(item) | {"attributes": json.dumps(dict(item.attributes), ensure_ascii=False)} for item in items]
        about = {"vectors": digest(where), "rejected": [asdict(one) for one in rejected]}
        schema = pa.schema([(name, pa.string()) for name in COLUMNS], metadata={_ABOUT: json.dumps(about)})
        table = pa.table({name: [row[name] for row in rows] for name in COLUMNS}, schema=schema)
        write_whole(self._file(modality, shard, "parquet"), lambda file: pq.write_table(table, file))

    def rejected(self, modality: str, shards: int) -> Iterator[Rejected]:
        """Give what could not be read, shard by shard; also of a folder that is not finished.

        Args:
            modality: of the items.
            shards: how many there are.
        """
        for shard in range(shards):
            for one in _about(self._file(modality, shard, "parquet"))["rejected"]:
                yield Rejected(**one)

    def shape(self, modality: str, shard: int) -> tuple[int, ...]:
        """Return (N, D) of a shard that is whole."""
        shape: tuple[int, ...] = np.load(self._file(modality, shard, "npy"), mmap_mode="r").shape
        return shape

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


def _about(table: Path) -> dict[str, Any]:
    """Return what a table says of its shard.

    Raises:
        OSError: it is not there.
        ValueError: it is no such table.
    """
    import pyarrow.parquet as pq

    known: dict[str, Any] = json.loads((pq.read_schema(table).metadata or {}).get(_ABOUT, b"null")) or {}
    return known
