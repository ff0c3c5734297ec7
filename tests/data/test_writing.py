"""A written table is read again as what it was."""

import os

import pytest

from xret.data.manifest import Manifest, Row
from xret.data.table import Table
from xret.data.writing import SUFFIXES, place, table


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_written_is_read_again(suffix, tmp_path):
    root, out = tmp_path / "root", tmp_path / "out"
    (root / "sub").mkdir(parents=True)
    out.mkdir()
    for name in ("sub/a.png", "b.svg"):
        (root / name).write_bytes(name.encode())
    (tmp_path / "far.png").write_bytes(b"far")
    rows = (
        Row("1", "g", {"image": "sub/a.png", "text": 'says "hi",\nand more'}, "train", 0.5, "d", "en", {"k": "v"}),
        Row("2", "h", {"image": "b.svg#line", "text": "红苹果"}, "val"),
        Row("3", "h", {"image": str(tmp_path / "far.png"), "text": "far"}, "test", attributes={"other": "x"}),
    )
    manifest = Manifest("m", rows, root=root)
    placed = place(manifest, out)
    assert placed == place(manifest, out)  # a second time changes nothing
    moved = [
        Row(
            r.id,
            r.group,
            {**r.inputs, "image": placed[r.inputs["image"]]},
            r.split,
            r.weight,
            r.domain,
            r.lang,
            r.attributes,
        )
        for r in rows
    ]
    (out / f"pairs{suffix}").write_bytes(table(moved, suffix))
    found = Table(str(out / f"pairs{suffix}")).load()
    assert not found.rejected
    assert [r.inputs for r in found.rows] == [r.inputs for r in moved]
    assert [(r.id, r.group, r.split, r.weight, r.domain, r.lang) for r in found.rows] == [
        (r.id, r.group, r.split, r.weight, r.domain, r.lang) for r in rows
    ]
    assert found.rows[0].attributes["k"] == "v"
    assert found.rows[1].inputs["image"].endswith("b.svg#line")
    assert (out / placed["sub/a.png"]).read_bytes() == b"sub/a.png"
    assert os.path.samefile(out / placed["sub/a.png"], root / "sub/a.png")
