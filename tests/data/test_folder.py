"""Folders of pictures with captions beside them, well-formed and hostile."""

import json
import os

import pytest

from xret._errors import UserError
from xret.data.faults import MAX_CHARACTERS
from xret.data.folder import Folder


def write(root, files):
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(root)


def found(manifest):
    return [(r.id, r.group, r.inputs["image"], r.inputs["text"]) for r in manifest.rows]


def rejected(manifest):
    return {r.row: r.reason for r in manifest.rejected}


def test_each_line_beside_a_picture_is_a_caption(tmp_path):
    files = {"b/x.PNG": "p", "b/x.txt": "\ufeffone\r\n\n two \n", "a.jpg": "p", "a.txt": "红苹果", "note.md": "no"}
    manifest = Folder(write(tmp_path, files)).load()
    assert found(manifest) == [
        ("a.jpg", "a", "a.jpg", "红苹果"),
        ("b/x.PNG.0", "b/x", "b/x.PNG", "one"),
        ("b/x.PNG.1", "b/x", "b/x.PNG", "two"),
    ]
    assert manifest.rejected == ()
    assert manifest.rows[1].split == manifest.rows[2].split is not None
    assert manifest.name == tmp_path.name


def test_pictures_with_one_text_file_are_a_group_of_different_rows(tmp_path):
    files = {"x.jpg": "p", "x.png": "q", "x.txt": "one"}
    assert found(Folder(write(tmp_path, files)).load()) == [
        ("x.jpg", "x", "x.jpg", "one"),
        ("x.png", "x", "x.png", "one"),
    ]


def test_sub_folders_mean_what_is_said_of_them(tmp_path):
    files = {}
    for name in ("Validation/cats/old/x", "train/dogs/y", "test/z", "later/cats/w"):
        files |= {f"{name}.jpg": "p", f"{name}.txt": "caption"}
    manifest = Folder(write(tmp_path, files), folders=["split", "kind"]).load()
    assert {r.id: (r.split, dict(r.attributes)) for r in manifest.rows} == {
        "Validation/cats/old/x.jpg": ("val", {"kind": "cats"}),
        "train/dogs/y.jpg": ("train", {"kind": "dogs"}),
        "test/z.jpg": ("test", {}),
    }
    assert rejected(manifest) == {"later/cats/w.jpg": "value"}
    plain = Folder(str(tmp_path), folders=["domain", "lang"]).load().rows
    assert {(r.domain, r.lang) for r in plain} == {
        ("Validation", "cats"),
        ("train", "dogs"),
        ("test", ""),
        ("later", "cats"),
    }


def test_each_broken_picture_is_rejected_with_its_reason_and_the_rest_stays(tmp_path):
    root = tmp_path / "in"
    files = {
        "ok.jpg": "p",
        "ok.txt": "fine\ncaf\xe9".encode("latin-1"),
        "alone.jpg": "p",
        "blank.jpg": "p",
        "blank.txt": " \n",
    }
    files |= {
        "long.jpg": "p",
        "long.txt": "a" * (MAX_CHARACTERS + 1),
        "huge.jpg": "p",
        "huge.txt": "a\n" * (2 * MAX_CHARACTERS + 1),
    }
    files |= {"a#b.jpg": "p", "a#b.txt": "x", "leak.jpg": "p", "far.txt": "x", "pipe.jpg": "p"}
    write(root, files)
    (tmp_path / "secret.txt").write_text("secret")
    (tmp_path / "secret.jpg").write_text("p")
    (root / "leak.txt").symlink_to(tmp_path / "secret.txt")
    (root / "far.jpg").symlink_to(tmp_path / "secret.jpg")
    (root / "again").symlink_to(root)
    os.mkfifo(root / "pipe.txt")
    manifest = Folder(str(root)).load()
    assert [r.id for r in manifest.rows] == ["ok.jpg.0"]
    assert rejected(manifest) == {
        "ok.jpg.1": "encoding",
        "alone.jpg": "empty",
        "blank.jpg": "empty",
        "long.jpg": "too_large",
        "huge.jpg": "too_large",
        "a#b.jpg": "missing",
        "leak.jpg": "outside",
        "far.jpg": "outside",
        "again": "outside",
        "pipe.jpg": "missing",
    }
    with pytest.raises(UserError, match="cannot be used"):
        Folder(str(root), on_error="fail").load()


LINES = [
    {"file_name": "a/x.jpg", "text": "one", "split": "train", "colour": "red"},
    {"file_name": "a/x.jpg", "text": "two", "split": "train", "weight": 0.5},
    {"file_name": "y.svg#line", "text": "three", "split": "test", "id": "3", "group": "g", "lang": "en"},
    {"file_name": "../secret.jpg", "text": "four", "split": "test"},
]


def test_metadata_gives_the_pairs_and_counts_what_it_does_not_name(tmp_path):
    files = {"a/x.jpg": "p", "y.svg": "p", "metadata.jsonl": "\n".join(map(json.dumps, LINES[:3])), "rest.png": "p"}
    manifest = Folder(write(tmp_path, files), licence="CC0").load()
    assert found(manifest) == [
        ("1", "a/x.jpg", "a/x.jpg", "one"),
        ("2", "a/x.jpg", "a/x.jpg", "two"),
        ("3", "g", "y.svg#line", "three"),
    ], "several lines name one picture"
    assert [(r.split, r.weight, r.lang, dict(r.attributes)) for r in manifest.rows] == [
        ("train", 1.0, "", {"colour": "red"}),
        ("train", 0.5, "", {}),
        ("test", 1.0, "en", {}),
    ]
    assert rejected(manifest) == {"rest.png": "empty"}
    assert manifest.licence == "CC0"


def test_metadata_cannot_name_what_lies_outside(tmp_path):
    (tmp_path / "secret.jpg").write_text("p")
    files = {"a/x.jpg": "p", "y.svg": "p", "metadata.jsonl": "\n".join(map(json.dumps, LINES)), "rest.png": "p"}
    assert rejected(Folder(write(tmp_path / "in", files)).load()) == {"4": "outside", "rest.png": "empty"}
    (tmp_path / "out").mkdir()
    (tmp_path / "out/metadata.jsonl").symlink_to(tmp_path / "in/metadata.jsonl")
    with pytest.raises(UserError, match="links to a file that is not below"):
        Folder(str(tmp_path / "out")).load()


@pytest.mark.parametrize(
    ("files", "settings", "message"),
    [
        ({"x.txt": "a"}, {}, "no usable row"),
        ({"x.jpg": "p", "x.txt": "a"}, {"title": "name"}, "names a column of a metadata file"),
        ({"x.jpg": "p", "metadata.csv": "file_name,text\nx.jpg,a\n"}, {"folders": ["split"]}, "as columns"),
        ({"x.jpg": "p", "metadata.csv": "picture,text\nx.jpg,a\n"}, {}, "no column 'file_name'"),
    ],
)
def test_folder_that_cannot_be_read_as_asked_is_refused(tmp_path, files, settings, message):
    with pytest.raises(UserError, match=message):
        Folder(write(tmp_path, files), **settings).load()


def test_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "x.jpg").write_text("p")
    with pytest.raises(UserError, match=r"data.path must be a folder of pictures, got .*x\.jpg"):
        Folder(str(tmp_path / "x.jpg")).load()


def test_levels_must_be_different_names():
    with pytest.raises(ValueError, match="list of different names"):
        Folder("x", folders=["kind", "kind"])
    with pytest.raises(ValueError, match="list of different names"):
        Folder("x", folders="split")


def test_to_embed_a_picture_needs_no_caption(tmp_path):
    files = {"a.jpg": "p", "b.jpg": "p", "b.txt": "\n \n", "c.jpg": "p", "c.txt": "one\ntwo", "d.jpg": "p"}
    files |= {"d.txt": b"caf\xe9", "e.txt": "a caption without a picture", "train/f.jpg": "p"}
    manifest = Folder(write(tmp_path, files), folders=["kind"]).load_unpaired()
    assert [(r.id, r.group, dict(r.inputs)) for r in manifest.rows] == [
        ("a.jpg", "a", {"image": "a.jpg"}),
        ("b.jpg", "b", {"image": "b.jpg"}),
        ("c.jpg.0", "c", {"image": "c.jpg", "text": "one"}),
        ("c.jpg.1", "c", {"image": "c.jpg", "text": "two"}),
        ("d.jpg", "d", {"image": "d.jpg"}),
        ("train/f.jpg", "train/f", {"image": "train/f.jpg"}),
    ]
    assert rejected(manifest) == {"d.jpg": "encoding"}
    assert all(row.split for row in manifest.rows)
    assert manifest.rows[5].attributes == {"kind": "train"}
    assert {r.id for r in Folder(str(tmp_path)).load().rows} == {"c.jpg.0", "c.jpg.1"}


def test_to_embed_a_line_of_metadata_needs_no_text(tmp_path):
    files = {"a.jpg": "p", "b.jpg": "p", "metadata.csv": "file_name,text\na.jpg,\nb.jpg,one\n"}
    manifest = Folder(write(tmp_path, files)).load_unpaired()
    assert [dict(r.inputs) for r in manifest.rows] == [{"image": "a.jpg"}, {"image": "b.jpg", "text": "one"}]
    assert manifest.rejected == ()
    assert rejected(Folder(str(tmp_path)).load()) == {"1": "empty"}
