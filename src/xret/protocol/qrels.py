"""Right answers from a file of judgements, graded."""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from xret._errors import UserError
from xret.protocol import Split, Task
from xret.protocol._relevance import from_pairs, task_between

Judgement = tuple[str, str, float]


@dataclass(frozen=True)
class Qrels:
    """Every item of both modalities is in play; a file says which targets are relevant to which query, and how much.

    Lines with tabs are ``query, target[, gain]`` (gain 1 where it is not given) or TREC's ``query, 0, target, gain``;
    lines without tabs are TREC's, parted by spaces. A first line whose gain is no number is a header. Query and target
    are named as in the data: the text itself, or the media file. A name that several items share means all of them.
    Gains of 0 or less say "not relevant", like no line at all.

    Source: TREC's qrels format, https://trec.nist.gov/data/qrels_eng/; linear gains as trec_eval takes them.

    Args:
        path: UTF-8 file.
        query: modality of the first column.
        target: modality of the second column.
        both: also judge the other direction, by the same lines read backwards.
        missing: what to do with a name that is not in the split: "fail", or "skip" for a file that covers more data.
        split: the one that is judged; a training measures the others by the default protocol. null: all are judged.

    Raises:
        ValueError: query and target are the same, or missing is neither.
        UserError: there is no file at path.
    """

    path: str
    query: str = "text"
    target: str = "image"
    both: bool = True
    missing: Literal["fail", "skip"] = "fail"
    split: str | None = "test"

    def __post_init__(self) -> None:
        if self.query == self.target:
            raise ValueError(f"query and target must be two modalities, got {self.query!r} twice")
        if self.missing not in ("fail", "skip"):
            raise ValueError(f'missing must be "fail" or "skip", got {self.missing!r}')
        if not Path(self.path).is_file():
            raise UserError(f"protocol.path must be a file of judgements, got {self.path!r}")

    def __call__(self, items: Split) -> list[Task]:
        """Return one task, or two with ``both``.

        Args:
            items: must hold the modalities ``query`` and ``target``.

        Raises:
            UserError: a modality is missing, a line cannot be read, names an unknown item or repeats a pair, or no
                line is left.
        """
        if not {self.query, self.target} <= items.keys():
            raise UserError(f"the judgements need items of {self.query} and {self.target}, got {sorted(items)}")
        query, target = items[self.query], items[self.target]
        rows, columns, gains = self._entries(query.refs, target.refs)
        everyone, everything = np.arange(len(query)), np.arange(len(target))
        relevance = from_pairs(rows, columns, gains, len(query))
        tasks = [task_between(query, target, everyone, everything, relevance)]
        if self.both:
            relevance = from_pairs(columns, rows, gains, len(target))
            tasks.append(task_between(target, query, everything, everyone, relevance))
        return tasks

    def _entries(self, queries: tuple[str, ...], targets: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the row, column and gain of each pair judged relevant."""
        query_places, target_places = _places(queries), _places(targets)
        gains: dict[tuple[int, int], float] = {}
        for number, (query, target, gain) in _read(Path(self.path)):
            unknown = query if query not in query_places else target if target not in target_places else None
            if unknown is not None and self.missing == "fail":
                raise UserError(
                    f"{self.path}:{number}: {unknown!r} is not in the split; mend the name, or set "
                    "protocol.missing=skip if the file covers more data"
                )
            for pair in ((i, j) for i in query_places.get(query, ()) for j in target_places.get(target, ())):
                if pair in gains:
                    raise UserError(f"{self.path}:{number}: {query!r} and {target!r} are judged twice")
                gains[pair] = gain
        kept = [(i, j, gain) for (i, j), gain in gains.items() if gain > 0]
        if not kept:
            raise UserError(f"{self.path} must judge at least one pair of the split relevant, got none")
        rows, columns, values = zip(*kept, strict=True)
        return np.array(rows), np.array(columns), np.array(values)


def _places(refs: tuple[str, ...]) -> dict[str, list[int]]:
    places: dict[str, list[int]] = defaultdict(list)
    for place, ref in enumerate(refs):
        places[ref].append(place)
    return dict(places)


def _read(path: Path) -> list[tuple[int, Judgement]]:
    """Return the line number and the judgement of every line that holds one."""
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")
    except UnicodeDecodeError as error:
        raise UserError(f"{path} must be UTF-8: {error.reason} at byte {error.start}") from None
    found = []
    for number, line in enumerate(lines, start=1):
        if line.strip():
            judgement = _parse(line.rstrip("\r"))
            if judgement is not None:
                found.append((number, judgement))
            elif number > 1:
                raise UserError(
                    f"{path}:{number}: a line must be query, target and gain parted by tabs, "
                    f"or TREC's query, 0, target and gain, got {line[:80]!r}"
                )
    return found


def _parse(line: str) -> Judgement | None:
    """Return None for a line that is no judgement."""
    fields = line.split("\t") if "\t" in line else line.split()
    match fields:
        case [query, _, target, gain]:
            pass
        case [query, target, gain] if "\t" in line:
            pass
        case [query, target] if "\t" in line:
            gain = "1"
        case _:
            return None
    try:
        number = float(gain)
    except ValueError:
        return None
    return (query, target, number) if np.isfinite(number) else None
