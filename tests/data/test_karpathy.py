"""Karpathy's JSON."""

import hashlib
import json
import logging

import pytest

from xret._errors import UserError
from xret.data.karpathy import Karpathy


def image(i, split, captions=5, **more):
    sentences = [{"raw": f" caption {k} of {i} ", "sentid": 10 * i + k} for k in range(captions)]
    return {"filename": f"{i}.jpg", "imgid": i, "split": split, "sentences": sentences} | more


@pytest.fixture
def write(tmp_path):
    def save(images, name="flickr30k"):
        (tmp_path / "images/val2014").mkdir(parents=True, exist_ok=True)
        for entry in images:
            if isinstance(entry, dict) and "filename" in entry:
                (tmp_path / "images" / entry.get("filepath", "") / entry["filename"]).write_bytes(b"x")
        (tmp_path / "d.json").write_text(json.dumps({"dataset": name, "images": images}))
        return {"path": str(tmp_path / "d.json"), "images": str(tmp_path / "images")}

    return save


def test_restval_is_training_data_and_captions_of_an_image_are_a_group(write):
    images = [image(0, "train"), image(1, "restval"), image(2, "val"), image(3, "test", 7)]
    manifest = Karpathy(**write(images)).load()
    assert {s: len(manifest.split(s).rows) for s in ("train", "val", "test")} == {"train": 10, "val": 5, "test": 7}
    assert manifest.name == "flickr30k"
    assert len({r.group for r in manifest.rows}) == 4
    row = manifest.split("test").rows[6]
    assert (row.group, row.inputs) == ("3", {"image": "3.jpg", "text": "caption 6 of 3"})


def test_coco_names_are_found_with_and_without_their_folder(write, tmp_path):
    images = [image(0, "test", filepath="val2014"), image(1, "test", filepath="val2014")]
    where = write(images)
    (tmp_path / "images/val2014/1.jpg").rename(tmp_path / "images/1.jpg")
    manifest = Karpathy(**where).load()
    assert {r.inputs["image"] for r in manifest.rows} == {"val2014/0.jpg", "1.jpg"}


def test_test_image_with_too_few_captions_is_an_error_and_others_are_not(write):
    assert len(Karpathy(**write([image(0, "test"), image(1, "train", 3)])).load().rows) == 8
    with pytest.raises(UserError, match=r"1 test images have fewer than 5 captions \(image 1 has 4"):
        Karpathy(**write([image(0, "test"), image(1, "test", 4)])).load()
    assert len(Karpathy(**write([image(0, "test", 2)]), captions=2).load().rows) == 2


def test_counts_and_checksum_go_to_the_log(write, caplog):
    where = write([image(0, "train"), image(1, "test", 6)])
    with caplog.at_level(logging.INFO):
        Karpathy(**where).load()
    with open(where["path"], "rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    assert "train 1 images, 5 captions" in caplog.text
    assert "test 1 images, 6 captions" in caplog.text
    assert digest in caplog.text


def test_broken_entries_are_rejected(write, tmp_path):
    images = [image(0, "train"), image(1, "train"), image(2, "other"), {"imgid": 9}, "text", image(3, "train")]
    images[5]["sentences"][2]["raw"] = "  "
    where = write(images)
    (tmp_path / "images/1.jpg").unlink()
    manifest = Karpathy(**where).load()
    assert [(r.row, r.reason) for r in manifest.rejected] == [
        ("1", "missing"), ("2", "fields"), ("9", "fields"), ("4", "fields"), ("3.2", "empty"),
    ]  # fmt: skip
    assert len(manifest.rows) == 9
    with pytest.raises(UserError, match="row 1"):
        Karpathy(**where, on_error="fail").load()


def test_image_outside_the_folder_is_rejected(write, tmp_path):
    (tmp_path / "secret.jpg").write_bytes(b"x")
    where = write([image(0, "train")])
    content = json.loads((tmp_path / "d.json").read_text())
    content["images"].append(image(1, "train") | {"filename": "../secret.jpg"})
    (tmp_path / "d.json").write_text(json.dumps(content))
    assert [(r.row, r.reason) for r in Karpathy(**where).load().rejected] == [("1", "outside")]


@pytest.mark.parametrize("content", ["", "{}", "[]", '{"images": 3}', "\x00"])
def test_other_files_are_one_clear_line(tmp_path, content):
    (tmp_path / "d.json").write_text(content)
    with pytest.raises(UserError, match="not a file of Karpathy's splits"):
        Karpathy(str(tmp_path / "d.json")).load()
    with pytest.raises(UserError, match="No such file"):
        Karpathy(str(tmp_path / "e.json")).load()
