"""What sources say of the rows, brought together: the label that is written, and what the sources are worth."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from xret.data.manifest import SPLITS, Row
from xret.label import Label
from xret.label.agreement import agreement

Found = Mapping[str, Mapping[str, Sequence[Label]]]
"""Source -> attribute -> the label of each row."""

TOLD = ("source", "confidence")  # columns beside that of an attribute


@dataclass(frozen=True)
class Given:
    """A label that is written."""

    label: str
    source: str
    confidence: float


def choose(rows: Sequence[Row], found: Found, least: float, overwrite: bool) -> dict[str, list[Given | None]]:
    """Return attribute -> what each row is given: of all sources the label with the highest confidence.

    Args:
        rows: R rows.
        found: what the sources say; of equally high ones the first source counts.
        least: confidence below which no label is given.
        overwrite: rows that have a label get another one.
    """
    names = dict.fromkeys(name for by_name in found.values() for name in by_name)
    chosen: dict[str, list[Given | None]] = {name: [] for name in names}
    for name, column in chosen.items():
        for i, row in enumerate(rows):
            said = [(source, by_name[name][i]) for source, by_name in found.items() if name in by_name]
            able = [Given(o.value, source, o.confidence) for source, o in said if o.value and o.confidence >= least]
            may = overwrite or not row.attributes.get(name)
            column.append(max(able, key=lambda given: given.confidence) if able and may else None)
    return chosen


def labelled(rows: Sequence[Row], chosen: Mapping[str, Sequence[Given | None]], weighted: bool) -> list[Row]:
    """Return the rows with what they are given, where it comes from and its confidence.

    Args:
        rows: R rows.
        chosen: attribute -> what each row is given.
        weighted: multiply the weight of a row by the mean confidence of what it is given.
    """
    made = []
    for i, row in enumerate(rows):
        attributes = dict(row.attributes)
        sure = []
        for name, column in chosen.items():
            given = column[i]
            for key in (name, *(f"{name}_{told}" for told in TOLD)):
                attributes.setdefault(key, "")
            if given is not None:
                sure.append(given.confidence)
                attributes[name] = given.label
                attributes |= {f"{name}_source": given.source, f"{name}_confidence": f"{given.confidence:.4f}"}
        weight = row.weight * float(np.mean(sure)) if weighted and sure else row.weight
        made.append(replace(row, attributes=attributes, weight=weight))
    return made


def table(rows: Sequence[Row], found: Found, chosen: Mapping[str, Sequence[Given | None]]) -> bytes:
    """Return every label that a source gave, as CSV, and whether it was written."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("row", "attribute", "label", "source", "confidence", "written"))
    for i, row in enumerate(rows):
        for source, by_name in found.items():
            for name, labels in by_name.items():
                label, given = labels[i], chosen[name][i]
                if label.value:
                    written = given is not None and given.source == source
                    writer.writerow(
                        (row.id, name, label.value, source, f"{label.confidence:.4f}", str(written).lower())
                    )
    return out.getvalue().encode()


def facts(
    rows: Sequence[Row], found: Found, chosen: Mapping[str, Sequence[Given | None]], least: float
) -> dict[str, Any]:
    """Return counts, how often each source is right where a label was there, and how far sources agree.

    What is below ``least`` counts as not said. Labels that were there are those the rows came with.
    """
    return {name: _facts(rows, found, column, name, least) for name, column in chosen.items()}


def _facts(
    rows: Sequence[Row], found: Found, column: Sequence[Given | None], name: str, least: float
) -> dict[str, Any]:
    known = [row.attributes.get(name, "") for row in rows]
    said = {
        source: [label.value if label.confidence >= least else None for label in by_name[name]]
        for source, by_name in found.items()
        if name in by_name
    }
    given = [label for label in column if label is not None]
    return {
        "known": sum(map(bool, known)),
        "given": len(given),
        "without": sum(not k and g is None for k, g in zip(known, column, strict=True)),
        "labels": dict(Counter(label.label for label in given).most_common()),
        "sources": {source: _worth(rows, known, labels, given, source) for source, labels in said.items()},
        "agreement": [{"sources": [a, b], **asdict(agreement(said[a], said[b]))} for a, b in combinations(said, 2)],
    }


def _worth(
    rows: Sequence[Row], known: Sequence[str], labels: Sequence[str | None], given: Sequence[Given], source: str
) -> dict[str, Any]:
    """Return what one source says of how many rows, and how often it is equal to what was there."""
    against = {}
    for split in ("all", *SPLITS):
        here = [i for i, row in enumerate(rows) if split in ("all", row.split)]
        compared = agreement([known[i] for i in here], [labels[i] for i in here])
        there = sum(bool(known[i]) for i in here)
        covered = compared.rows / there if there else None
        against[split] = {"known": there, "coverage": covered, "accuracy": compared.equal, "kappa": compared.kappa}
    return {
        "said": sum(label is not None for label in labels),
        "written": sum(label.source == source for label in given),
        "against_known": against,
    }
