"""The audit trail: what a cleaning changed, left out and proposes, row by row."""

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_OUTCOMES = ("changed", "left out", "proposed", "failed")
_ORDER = ("read", "text", "image", "labels", "pairs")


@dataclass(frozen=True, slots=True)
class Change:
    """One change of one field of one row, made or proposed.

    Attributes:
        row: id of the row.
        kind: "text", "image", "labels", "pairs", or "read" where the row could not be read at all.
        field: the modality or attribute; "" where the whole row is meant.
        step: name of the step.
        before: the text, label or reference of a picture that the step met.
        after: what it made of it; None: the row is left out.
        reason: what was found.
        applied: False for a proposal.
        evidence: share of certainty in [0, 1].
    """

    row: str
    kind: str
    field: str
    step: str
    before: str
    after: str | None
    reason: str
    applied: bool = True
    evidence: float = 1.0

    @property
    def outcome(self) -> str:
        """What became of it: "changed", "left out", "proposed", or "failed" where the step broke on the value."""
        if not self.applied:
            return "proposed" if self.evidence > 0 else "failed"
        return "left out" if self.after is None else "changed"


@dataclass(frozen=True, slots=True)
class Count:
    """How many rows a step changed, left out, has proposals for, and failed on."""

    kind: str
    step: str
    changed: int
    left_out: int
    proposed: int
    failed: int


def counts(changes: Iterable[Change]) -> list[Count]:
    """Return the rows that each step concerns, in the order in which steps appear."""
    rows: dict[tuple[str, str], dict[str, set[str]]] = {}
    for change in changes:
        rows.setdefault((change.kind, change.step), {}).setdefault(change.outcome, set()).add(change.row)
    return [
        Count(kind, step, *(len(found.get(outcome, ())) for outcome in _OUTCOMES))
        for (kind, step), found in sorted(rows.items(), key=lambda item: _ORDER.index(item[0][0]))
    ]


def table(changes: Iterable[Change]) -> str:
    """Return the counts as Markdown."""
    lines = ["| step | works on | rows changed | left out | proposed | failed |", "|---|---|---:|---:|---:|---:|"]
    lines += [
        f"| {c.step} | {c.kind} | {c.changed} | {c.left_out} | {c.proposed} | {c.failed} |" for c in counts(changes)
    ]
    return "\n".join(lines)


def parquet(changes: Iterable[Change]) -> bytes:
    """Return the trail as a Parquet file, a column for each attribute of `Change`."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    text, kinds = pa.string(), pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema([
        ("row", text), ("kind", kinds), ("field", kinds), ("step", kinds), ("before", text), ("after", text),
        ("reason", text), ("applied", pa.bool_()), ("evidence", pa.float64()),
    ])  # fmt: skip
    out = io.BytesIO()
    with pq.ParquetWriter(out, schema) as writer:
        for batch in _batches(changes):
            columns = [pa.array([getattr(change, field.name) for change in batch], field.type) for field in schema]
            writer.write_batch(pa.record_batch(columns, schema=schema))
    return out.getvalue()


def _batches(changes: Iterable[Change], size: int = 10_000) -> Iterable[Sequence[Change]]:
    batch: list[Change] = []
    for change in changes:
        batch.append(change)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
