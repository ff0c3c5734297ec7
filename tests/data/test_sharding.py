"""Shards as any reader of tar files sees them."""

import json
import tarfile

import pytest

from xret._errors import UserError
from xret.data.manifest import Manifest, Row
from xret.data.sharding import shards

ROWS = (
    Row("1", "g", {"image": "a.png", "text": "one\ntwo"}, "train", 0.5, attributes={"row": "x"}),
    Row("2", "h", {"image": "b.SVG#line", "text": "three"}, "test", lang="en"),
    Row("3", "g", {"image": "a.png", "text": "four"}, "train"),
)


@pytest.fixture
def manifest(tmp_path):
    (tmp_path / "a.png").write_bytes(b"p" * 3000)
    (tmp_path / "b.SVG").write_bytes(b"<svg/>")
    return Manifest("m", ROWS, root=tmp_path)


def members(path):
    with tarfile.open(path) as tar:
        return {member.name: tar.extractfile(member).read() for member in tar}


def test_a_picture_stands_once_with_all_its_captions(manifest, tmp_path):
    found = members(shards(manifest, tmp_path, 10**6) / "shard-000000.tar")
    names = ["000000000.png", "000000000.txt", "000000000.json", "000000001.svg", "000000001.txt", "000000001.json"]
    assert list(found) == names
    assert found["000000000.txt"].decode() == "one two\nfour", "a line is a caption"
    first, second = (json.loads(found[f"00000000{k}.json"]) for k in range(2))
    assert [(c["row"], c["id"], c["text"], c["weight"]) for c in first["captions"]] == [
        (0, "1", "one\ntwo", 0.5),
        (2, "3", "four", 1.0),
    ]
    assert first["captions"][0]["attributes"] == {"row": "x"}
    assert "layers" not in first
    assert second["layers"] == {"image": "line"}


def test_shards_close_at_their_size_and_leave_no_part(manifest, tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out/shard-000007.tar.part").write_bytes(b"left by a kill")
    shards(manifest, tmp_path / "out", 2000)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == ["shard-000000.tar", "shard-000001.tar"]
    assert [len(members(p)) for p in sorted((tmp_path / "out").iterdir())] == [3, 3]


def test_the_same_manifest_gives_the_same_bytes(manifest, tmp_path):
    contents = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        contents.append((shards(manifest, tmp_path / name, 10**6) / "shard-000000.tar").read_bytes())
    assert contents[0] == contents[1]


def test_a_name_that_says_something_else_is_refused(tmp_path):
    (tmp_path / "a.mp4").write_bytes(b"film")
    with pytest.raises(UserError, match=r"a.mp4 does not say image: to=table"):
        shards(Manifest("m", (Row("1", "g", {"image": "a.mp4", "text": "x"}),), root=tmp_path), tmp_path, 10**6)
