"""The manifest: rows of things that belong together, and the unique items they are made of."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

SPLITS = ("train", "val", "test")
WORDS = ("text", "title")  # modalities that are texts themselves; of all others a row holds a file


@dataclass(frozen=True, slots=True)
class Row:
    """One pair.

    Attributes:
        id: unique within its manifest.
        group: what makes two rows the same thing. Five captions of one photo share it.
        inputs: modality -> text itself, or a media file relative to the manifest's root.
        split: "train", "val" or "test"; None until one is assigned.
        weight: how much the pair counts in the loss.
        domain: name of the domain the pair comes from.
        lang: language of the text (ISO 639-1), "" when unknown.
        attributes: whatever else the data set knows.
    """

    id: str
    group: str
    inputs: Mapping[str, str]
    split: str | None = None
    weight: float = 1.0
    domain: str = ""
    lang: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that cannot be used: where it stood, why in one word, and what was seen."""

    row: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Items:
    """The unique items of one modality: N different texts, images, ...

    Two rows share an item when they agree in group and in text or file.

    Attributes:
        modality: "text", "image", ...
        refs: N texts, or media files relative to the manifest's root.
        groups: (N,) int64, items of one group are right answers to each other.
        counts: (N,) int64, how many rows hold the item: a photo may have the same caption twice.
    """

    modality: str
    refs: tuple[str, ...]
    groups: np.ndarray
    counts: np.ndarray | None = None

    def __len__(self) -> int:
        """Return N."""
        return len(self.refs)


@dataclass(frozen=True)
class Manifest:
    """All usable pairs of a data set, and what was rejected.

    Attributes:
        name: the source's name, "openmoji".
        rows: the usable pairs.
        rejected: what was left out, and why.
        root: folder the media files are relative to.
        licence: of the data, "" when unknown.
    """

    name: str
    rows: tuple[Row, ...]
    rejected: tuple[Rejected, ...] = ()
    root: Path = Path()
    licence: str = ""

    def split(self, name: str) -> "Manifest":
        """Return the rows of one split; nothing is rejected in it."""
        return replace(self, rows=tuple(r for r in self.rows if r.split == name), rejected=())

    def without(self, broken: Callable[[Row], Rejected | None]) -> "Manifest":
        """Return the rows for which ``broken`` gives None; the others join `rejected`."""
        verdicts = [(row, broken(row)) for row in self.rows]
        kept = tuple(row for row, verdict in verdicts if verdict is None)
        return replace(self, rows=kept, rejected=self.rejected + tuple(v for _, v in verdicts if v is not None))

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modalities that the rows carry, in order of first appearance."""
        return tuple(dict.fromkeys(m for row in self.rows for m in row.inputs))

    def group_ids(self) -> np.ndarray:
        """Return (R,) int64: the group of each row, numbered by first appearance."""
        numbers: dict[str, int] = {}
        return np.array([numbers.setdefault(row.group, len(numbers)) for row in self.rows], dtype=np.int64)

    def items(self, modality: str) -> tuple[Items, np.ndarray]:
        """Return the unique items of a modality and, for each row, which item it holds.

        Returns:
            N items, and (R,) int64 with the item of each row; -1 where a row lacks the modality.
        """
        seen: dict[tuple[int, str], int] = {}
        of_row = np.full(len(self.rows), -1, dtype=np.int64)
        for i, (row, group) in enumerate(zip(self.rows, self.group_ids().tolist(), strict=True)):
            if modality in row.inputs:
                of_row[i] = seen.setdefault((group, row.inputs[modality]), len(seen))
        groups = np.array([group for group, _ in seen], dtype=np.int64)
        counts = np.bincount(of_row[of_row >= 0], minlength=len(seen))
        return Items(modality, tuple(ref for _, ref in seen), groups, counts), of_row

    def digest(self) -> str:
        """Return a hash over every row's id, group, split and inputs, and the sizes of media files."""
        total = hashlib.sha256()
        for row in self.rows:
            total.update(repr((row.id, row.group, row.split, row.weight, sorted(row.inputs.items()))).encode())
            for modality, ref in sorted(row.inputs.items()):
                if modality not in WORDS:
                    total.update(str(media_path(self.root, ref).stat().st_size).encode())
        return total.hexdigest()


def media_path(root: Path, ref: str) -> Path:
    """Return the file behind a media reference; what follows ``#`` selects a layer, not a file."""
    return root / ref.partition("#")[0]
