"""Shards as others write them, and hostile ones."""

import io
import json
import tarfile

import pytest

from xret._errors import UserError
from xret.data.webdataset import WebDataset


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def member(name, content=b"", **facts):
    info = tarfile.TarInfo(name)
    data = (
        content
        if isinstance(content, bytes)
        else content.encode()
        if isinstance(content, str)
        else json.dumps(content).encode()
    )
    info.size = len(data)
    for key, value in facts.items():
        setattr(info, key, value)
    return info, data


@pytest.fixture
def write(tmp_path):
    def save(members, name="s.tar", mode="w"):
        with tarfile.open(tmp_path / name, mode) as tar:
            for info, data in members:
                tar.addfile(info, io.BytesIO(data))
        return str(tmp_path / name)

    return save


def found(manifest):
    return [(r.id, r.inputs["text"], (manifest.root / r.inputs["image"]).read_bytes()) for r in manifest.rows]


def rejected(manifest):
    return {r.row: r.reason for r in manifest.rejected}


def test_members_of_one_name_are_a_sample(write):
    lines = [
        member("a/1.jpg", b"one"),
        member("a/1.txt", "first\n\n second"),
        member(
            "a/1.json",
            {"split": "train", "weight": 0.5, "lang": "en", "width": 30, "exif": {"x": 1}, "audio": "/etc/passwd"},
        ),
        member("a/1.seg.png", b"mask"),
        member("a/2.PNG", b"two"),
        member("a/2.cls", "7\n"),
        member("a/2.json", {"caption": "third", "split": "validation", "text": None}),
        member("b/2.webp", b"three"),
        member("b/2.json", {"text": ["fourth", "fifth"], "split": "test", "group": "g"}),
    ]
    manifest = WebDataset(write(lines), licence="CC0").load()
    assert found(manifest) == [
        ("a/1.0", "first", b"one"),
        ("a/1.1", "second", b"one"),
        ("a/2", "third", b"two"),
        ("b/2.0", "fourth", b"three"),
        ("b/2.1", "fifth", b"three"),
    ]
    assert [(r.split, r.weight, r.lang) for r in manifest.rows][:3] == [
        ("train", 0.5, "en"),
        ("train", 0.5, "en"),
        ("val", 1, ""),
    ]
    assert [dict(r.attributes) for r in manifest.rows][1:4] == [{"width": "30", "exif": '{"x": 1}'}, {"cls": "7"}, {}]
    assert [len({r.group for r in manifest.rows[part]}) for part in (slice(0, 2), slice(3, 5))] == [1, 1]
    assert (manifest.licence, manifest.name, manifest.rejected) == ("CC0", "s", ())


def test_a_key_of_the_json_is_the_caption_where_it_is_named(write):
    lines = [member("1.jpg"), member("1.txt", "no"), member("1.json", {"alt": "yes", "split": "test"})]
    row = WebDataset(write(lines), text="alt").load().rows[0]
    assert (row.inputs["text"], dict(row.attributes)) == ("yes", {})


def test_what_is_no_pair_is_rejected_with_its_reason_and_nothing_is_written_outside(write, tmp_path, monkeypatch):
    monkeypatch.setattr("xret.data.samples.MAX_MEDIA", 1000)
    lines = [
        member("ok.jpg", b"p"),
        member("ok.txt", "fine"),
        member("../../../up.jpg", b"p"),
        member("../../../up.txt", "kept under a name of its own"),
        member("/abs/x.jpg", b"p"),
        member("/abs/x.txt", "this one too"),
        member("alone.jpg", b"p"),
        member("text.txt", "no picture"),
        member("bad.jpg", b"p"),
        member("bad.json", "{"),
        member("list.jpg", b"p"),
        member("list.json", "[1]"),
        member("big.jpg", b"p" * 1001),
        member("big.txt", "x"),
        member("link.jpg", type=tarfile.SYMTYPE, linkname="/etc/passwd"),
        member("link.txt", "x"),
        member("pipe.jpg", type=tarfile.FIFOTYPE),
        member("ok.jpg", b"again"),
        member("ok.txt", "again"),
        member("layer.svg", b"<svg/>"),
        member("layer.json", {"captions": [{"text": "x"}], "layers": {"image": "../x"}}),
        member("byte\udcff.jpg", b"p"),
        member("byte\udcff.txt", "x"),
        member("words.jpg", b"p"),
        member("words.txt", b"caf\xe9"),
    ]
    before = {p for p in tmp_path.rglob("*") if "cache" not in p.parts}
    manifest = WebDataset(write(lines)).load()
    assert [r.inputs["text"] for r in manifest.rows] == ["fine", "kept under a name of its own", "this one too"]
    assert {content for _, _, content in found(manifest)} == {b"p"}, "the second of one key overwrites nothing"
    assert rejected(manifest) == {
        "alone": "empty",
        "text": "empty",
        "bad": "fields",
        "list": "fields",
        "s.tar/big.jpg": "too_large",
        "big": "empty",
        "s.tar/link.jpg": "outside",
        "link": "empty",
        "s.tar/pipe.jpg": "outside",
        "ok": "duplicate_id",
        "layer": "value",
        "byte?": "encoding",
        "words": "encoding",
    }
    assert {p for p in tmp_path.rglob("*") if "cache" not in p.parts} - before == {tmp_path / "s.tar"}
    assert all((manifest.root / r.inputs["image"]).resolve().is_relative_to(manifest.root) for r in manifest.rows)


def test_shards_are_read_once_and_again_when_their_content_changes(write, monkeypatch):
    def shard(text):
        return [member("1.jpg", b"p"), member("1.txt", text), member("2.jpg", b"p"), member("2.txt", "b")]

    path = write(shard("a"))
    first = WebDataset(path).load()
    opened = []
    with monkeypatch.context() as once:
        once.setattr(tarfile, "open", lambda *_: opened.append(1))
        assert WebDataset(path).load() == first
    assert not opened
    write(shard("c"))
    assert [r.inputs["text"] for r in WebDataset(path).load().rows] == ["c", "b"]


def test_a_shard_that_breaks_off_gives_what_stands_before(write, tmp_path):
    path = write([member("1.jpg", b"p"), member("1.txt", "a"), member("2.jpg", b"p" * 5000), member("2.txt", "b")])
    data = (tmp_path / "s.tar").read_bytes()
    (tmp_path / "s.tar").write_bytes(data[:4000])
    manifest = WebDataset(path).load()
    assert [r.id for r in manifest.rows] == ["1"]
    assert rejected(manifest) == {"s.tar": "undecodable"}


@pytest.mark.parametrize("name", ["shard-{08..10}.tar", "shard-*.tar", "."])
def test_ranges_patterns_and_folders_name_the_shards_in_order(write, tmp_path, name):
    for number in ("09", "10", "08"):
        write([member(f"{number}.jpg", b"p"), member(f"{number}.txt", number)], f"shard-{number}.tar")
    assert [r.id for r in WebDataset(str(tmp_path / name)).load().rows] == ["08", "09", "10"]


def test_files_that_are_no_shards_are_refused_in_one_line(write, tmp_path):
    with pytest.raises(UserError, match=r"there is no .*shard-1\.tar"):
        WebDataset(str(tmp_path / "shard-{1..2}.tar")).load()
    with pytest.raises(UserError, match="must name tar files"):
        WebDataset(str(tmp_path / "none-*.tar")).load()
    with pytest.raises(UserError, match="more than 100,000 shards"):
        WebDataset("s-{0..99999999999}.tar").load()
    with pytest.raises(UserError, match="no tar file, or a compressed one"):
        WebDataset(write([member("1.jpg", b"p")], "z.tar", "w:gz")).load()
    with pytest.raises(UserError, match=r"more than 1e-09 GB; data.max_gb permits more"):
        WebDataset(write([member("1.jpg", b"pp"), member("1.txt", "a")]), max_gb=1e-9).load()
    with pytest.raises(UserError, match="no usable row; 1 rejected"):
        WebDataset(write([member("1.jpg", b"pp")])).load()
