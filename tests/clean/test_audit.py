"""The trail of changes: what is counted, and what a Parquet file of it holds."""

import io

import pyarrow.parquet as pq

from xret.clean.audit import Change, counts, parquet, table

TRAIL = [
    Change("a", "image", "image", "margins", "a.png", "images/a.png", "margin"),
    Change("a", "text", "text", "html", "<b>x</b>", "x", "tags"),
    Change("b", "text", "text", "html", "<b>y</b>", "y", "tags"),
    Change("b", "text", "text", "html", "<i>z</i>", "z", "tags"),
    Change("b", "text", "text", "spelling", "y", "yes", "spelling", applied=False, evidence=0.5),
    Change("c", "text", "text", "length", "z" * 9, None, "too long"),
    Change("d", "text", "text", "length", "q", "q", "failed: no", applied=False, evidence=0.0),
    Change("e", "read", "", "read", "", None, "missing: no file"),
]


def test_rows_are_counted_once_for_each_step_and_outcome():
    found = {c.step: (c.kind, c.changed, c.left_out, c.proposed, c.failed) for c in counts(TRAIL)}
    assert found == {
        "read": ("read", 0, 1, 0, 0),
        "html": ("text", 2, 0, 0, 0),
        "spelling": ("text", 0, 0, 1, 0),
        "length": ("text", 0, 1, 0, 1),
        "margins": ("image", 1, 0, 0, 0),
    }
    assert list(found) == ["read", "html", "spelling", "length", "margins"]
    assert "| html | text | 2 | 0 | 0 | 0 |" in table(TRAIL)


def test_the_parquet_file_holds_every_change_as_it_is():
    rows = pq.read_table(io.BytesIO(parquet(TRAIL * 3000))).to_pylist()
    assert len(rows) == 3000 * len(TRAIL)
    assert [Change(**row) for row in rows[: len(TRAIL)]] == TRAIL
    assert pq.read_table(io.BytesIO(parquet([]))).num_rows == 0
