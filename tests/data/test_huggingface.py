"""Arrow files as `save_to_disk` writes them, and hostile ones."""

import datetime
import json
import sys
import types

import numpy as np
import pyarrow as pa
import pytest

from xret._errors import UserError
from xret.data.huggingface import HuggingFace

PNG, JPG = b"\x89PNG one", b"\xff\xd8\xff two"
FEATURES = {
    "image": {"_type": "Image"},
    "caption": {"feature": {"dtype": "string", "_type": "Value"}, "_type": "List"},
    "kind": {"names": ["cat", "dog"], "_type": "ClassLabel"},
}
ROWS = [
    {"image": {"bytes": PNG, "path": "a.png"}, "caption": ["one", "two"], "kind": 1},
    {"image": {"bytes": JPG, "path": None}, "caption": ["three"], "kind": 0},
    {"image": {"bytes": PNG, "path": "again.png"}, "caption": ["four"], "kind": None},
]


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRET_CACHE", str(tmp_path / "cache"))


def save(folder, rows, features=FEATURES, **info):
    """Write a folder as save_to_disk does, in two files."""
    folder.mkdir(parents=True, exist_ok=True)
    schema = pa.Table.from_pylist(rows).schema
    names = [f"data-0000{k}-of-00002.arrow" for k in range(2)]
    for name, part in zip(names, (rows[:2], rows[2:]), strict=True):
        table = pa.Table.from_pylist(part, schema)
        with pa.OSFile(str(folder / name), "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            writer.write_table(table)
    (folder / "dataset_info.json").write_text(json.dumps({"features": features, **info}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return str(folder)


def found(manifest):
    return [(r.id, r.inputs["text"], (manifest.root / r.inputs["image"]).read_bytes()) for r in manifest.rows]


def rejected(manifest):
    return {r.row: r.reason for r in manifest.rejected}


def test_a_saved_data_set_gives_a_row_per_caption_and_a_group_per_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("xret.data.arrow._TOGETHER", 1)
    manifest = HuggingFace(save(tmp_path / "pets", ROWS, license="mit")).load()
    assert found(manifest) == [("1.0", "one", PNG), ("1.1", "two", PNG), ("2.0", "three", JPG), ("3.0", "four", PNG)]
    assert len({r.group for r in manifest.rows}) == 2
    assert manifest.rows[0].group == manifest.rows[3].group
    assert [dict(r.attributes) for r in manifest.rows] == [{"kind": "dog"}, {"kind": "dog"}, {"kind": "cat"}, {}]
    assert [r.inputs["image"].rpartition(".")[2] for r in manifest.rows] == ["png", "png", "jpg", "png"]
    assert (manifest.name, manifest.licence, manifest.rejected) == ("pets", "mit", ())


def test_splits_of_a_saved_dictionary_are_those_of_its_rows(tmp_path):
    for name, text in (("train", "a"), ("validation", "b"), ("test", "c")):
        save(tmp_path / "d" / name, [{"image": {"bytes": PNG, "path": None}, "text": text}] * 3, {})
    (tmp_path / "d/dataset_dict.json").write_text(json.dumps({"splits": ["train", "validation", "test"]}))
    rows = HuggingFace(str(tmp_path / "d"), image="image").load().rows
    assert [(r.split, r.inputs["text"]) for r in rows] == [("train", "a")] * 3 + [("val", "b")] * 3 + [
        ("test", "c")
    ] * 3


def test_columns_can_be_named_and_values_of_any_type_are_attributes(tmp_path):
    rows = [
        {
            "pic": PNG,
            "alt": "a",
            "photo_id": "g",
            "id": "x",
            "day": datetime.date(2026, 1, 2),
            "box": {"x": [1]},
            "raw": b"1",
        },
        {"pic": JPG, "alt": "b", "photo_id": "g", "id": "x", "day": None, "box": None, "raw": None},
    ]
    path = save(tmp_path / "d", rows, None)
    manifest = HuggingFace(path, image="pic", text="alt", columns={"group": "photo_id", "id": None}).load()
    assert [(r.id, r.group, r.inputs["text"]) for r in manifest.rows] == [("1", "g", "a"), ("2", "g", "b")]
    assert dict(manifest.rows[0].attributes) == {"id": "x", "day": "2026-01-02", "box": '{"x": [1]}'}
    assert rejected(HuggingFace(path, image="pic", text="alt").load()) == {"x": "duplicate_id"}


def test_pictures_given_as_paths_are_read_below_the_root_alone(tmp_path):
    (tmp_path / "d").mkdir()
    (tmp_path / "d/in.png").write_bytes(PNG)
    (tmp_path / "secret.png").write_bytes(PNG)
    (tmp_path / "d/link.png").symlink_to(tmp_path / "secret.png")
    paths = ["in.png", str(tmp_path / "d/in.png"), "../secret.png", "/etc/passwd", "link.png", "none.png", None]
    rows = [{"image": {"bytes": None, "path": path}, "text": str(path)} for path in paths]
    rows += [{"image": {"bytes": b"MZ program", "path": None}, "text": "x"}]
    path = save(tmp_path / "d", rows, {"image": {"_type": "Image"}})
    manifest = HuggingFace(path).load()
    assert [text for _, text, _ in found(manifest)] == paths[:2]
    assert rejected(manifest) == dict(
        zip((f"d/{k}" for k in range(3, 9)), ["outside"] * 3 + ["missing", "empty", "undecodable"], strict=True)
    )
    assert len(HuggingFace(path, root=str(tmp_path)).load().rows) == 1, "paths are relative to the root"


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "state.json",
            {"_data_files": [{"filename": "../d/data-00000-of-00002.arrow"}]},
            "must name Arrow files beside it",
        ),
        ("state.json", {"_data_files": []}, "must name Arrow files beside it"),
        ("state.json", [], "must hold an object"),
        ("state.json", {"_data_files": [{"filename": "dataset_info.json"}]}, "is no Arrow stream"),
        ("dataset_dict.json", {"splits": ["../e"]}, "names no splits that are folders beside it"),
        ("dataset_dict.json", {"splits": ["train"]}, "was not written by save_to_disk"),
    ],
)
def test_a_folder_that_is_not_as_saved_is_refused(tmp_path, name, content, message):
    path = save(tmp_path / "d", ROWS)
    (tmp_path / "d" / name).write_text(json.dumps(content))
    with pytest.raises(UserError, match=message):
        HuggingFace(path).load()


def test_a_broken_arrow_file_is_refused_in_one_line(tmp_path):
    path = save(tmp_path / "d", ROWS)
    file = tmp_path / "d/data-00000-of-00002.arrow"
    file.write_bytes(file.read_bytes()[:-200])
    with pytest.raises(UserError, match="is broken"):
        HuggingFace(path).load()


def test_a_missing_column_is_named_with_those_that_are_there(tmp_path):
    with pytest.raises(UserError, match=r"data.text must name a column of .*it has image, caption, kind, got alt"):
        HuggingFace(save(tmp_path / "d", ROWS), text="alt").load()
    with pytest.raises(UserError, match=r"data.image must name a column"):
        HuggingFace(save(tmp_path / "e", [{"a": "x", "text": "y"}] * 3, {})).load()


def test_what_is_neither_folder_nor_name_is_refused(tmp_path):
    with pytest.raises(UserError, match="must be a folder that save_to_disk wrote, or a name on the hub"):
        HuggingFace(str(tmp_path / "none")).load()
    with pytest.raises(ValueError, match="columns may name id, "):
        HuggingFace("x", columns={"image": "y"})


def test_a_hub_that_cannot_be_reached_is_one_line(monkeypatch):
    def refuse(*_):
        raise ConnectionError("Couldn't reach 'a/b' on the Hub\nand more")

    monkeypatch.setitem(sys.modules, "datasets", types.SimpleNamespace(load_dataset=refuse))
    with pytest.raises(
        UserError, match=r"a/b is no folder, and the hub does not give it: Couldn't reach 'a/b' on the Hub$"
    ):
        HuggingFace("a/b").load()
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'xret\[huggingface\]'"):
        HuggingFace("a/b").load()


@pytest.mark.filterwarnings("ignore")
def test_what_the_library_writes_and_gives_is_read_the_same(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    from PIL import Image

    pictures = [Image.fromarray(np.full((4, 5, 3), shade, np.uint8)) for shade in (0, 100, 200)]
    columns = {"image": pictures, "caption": [["a", "b"], ["c"], ["d"]], "kind": [1, 0, 1]}
    features = datasets.Features(
        {
            "image": datasets.Image(),
            "caption": datasets.List(datasets.Value("string")),
            "kind": datasets.ClassLabel(names=["cat", "dog"]),
        }
    )
    whole = datasets.DatasetDict({s: datasets.Dataset.from_dict(columns, features) for s in ("train", "test")})
    whole.save_to_disk(str(tmp_path / "d"))
    saved = HuggingFace(str(tmp_path / "d")).load()
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: whole)
    loaded = HuggingFace("a/b").load()
    for manifest in (saved, loaded):
        assert [r.inputs["text"] for r in manifest.rows] == list("abcdabcd")
        assert [r.split for r in manifest.rows] == ["train"] * 4 + ["test"] * 4
        assert [r.attributes["kind"] for r in manifest.rows][:4] == ["dog", "dog", "cat", "dog"]
    assert saved.rows == loaded.rows
    assert len({r.inputs["image"] for r in saved.rows}) == 3
