"""A folder of vectors: shards are whole or absent, and what is not what was written is told by name."""

import json

import numpy as np
import pytest

from xret._errors import UserError
from xret.data.manifest import Rejected
from xret.run.vectors import FACTS, Facts, Item, VectorFolder


def item(name):
    return Item(name, f"text of {name}", f"/{name}.png", "group", "test", {"colour": "红"})


@pytest.fixture
def folder(tmp_path):
    """Two shards of three and two vectors, with one item left out."""
    made = VectorFolder(tmp_path / "vectors")
    vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
    made.write("image", 0, vectors[:3], [item(n) for n in "abc"])
    made.write("image", 1, vectors[3:], [item(n) for n in "de"], [Rejected("f", "undecodable", "/f.png: cut off")])
    made.finish(Facts("/run", "weights", "shapes", {"image": 5}, 2, {"image": 2}))
    return made


def test_what_is_written_is_read_in_order(folder):
    found = VectorFolder.open(folder.path)
    assert np.array_equal(np.concatenate(list(found.shards("image"))), np.arange(10).reshape(5, 2))
    rows = found.table("image").to_pylist()
    assert [row["id"] for row in rows] == list("abcde")
    assert json.loads(rows[4]["attributes"]) == {"colour": "红"}
    assert list(found.rejected("image", 2)) == [Rejected("f", "undecodable", "/f.png: cut off")]
    assert [found.shape("image", shard) for shard in (0, 1)] == [(3, 2), (2, 2)]
    found.check()


def test_the_same_vectors_have_the_same_fingerprint_and_others_another(folder, tmp_path):
    facts = folder.facts()
    prints = {facts.fingerprint}
    for name, value in (("again", 9), ("other", 8)):
        copy = VectorFolder(tmp_path / name)
        vectors = np.arange(10, dtype=np.float32).reshape(5, 2)
        vectors[4, 1] = value
        copy.write("image", 0, vectors[:3], [item(n) for n in "abc"])
        copy.write("image", 1, vectors[3:], [item(n) for n in "de"], [Rejected("f", "undecodable", "/f.png: cut off")])
        copy.finish(Facts("/elsewhere", "weights", "shapes", {"image": 5}, 2, {"image": 2}))
        prints.add(copy.facts().fingerprint)
    assert len(prints) == 2
    assert len(facts.files) == 4


@pytest.mark.parametrize("name", ["image/00001.npy", "image/00000.parquet"])
@pytest.mark.parametrize("harm", ["cut", "changed", "gone"])
def test_a_shard_that_is_not_what_was_written_is_named(folder, name, harm):
    path = folder.path / name
    content = path.read_bytes()
    if harm == "gone":
        path.unlink()
    else:
        path.write_bytes(content[:-1] if harm == "cut" else content[:-9] + bytes([content[-9] ^ 1]) + content[-8:])
    with pytest.raises(UserError, match=name):
        folder.check()


def test_a_folder_whose_files_are_not_all_known_is_refused(folder):
    facts = json.loads((folder.path / FACTS).read_text())
    del facts["files"]["image/00001.npy"]
    (folder.path / FACTS).write_text(json.dumps(facts))
    with pytest.raises(UserError, match="does not name the files"):
        folder.check()


def test_a_shard_is_there_only_with_its_table_and_the_vectors_it_was_written_with(folder, tmp_path):
    assert folder.has("image", 0)
    assert folder.has("image", 1)
    assert not folder.has("image", 2)
    assert not folder.has("text", 0)
    vectors, table = folder.path / "image/00000.npy", folder.path / "image/00001.parquet"
    np.save(vectors, np.ones((3, 2), np.float32))
    assert not folder.has("image", 0)
    table.write_bytes(table.read_bytes()[:50])
    assert not folder.has("image", 1)
    table.unlink()
    assert not folder.has("image", 1)


def test_a_folder_without_its_facts_is_not_complete(folder, tmp_path):
    (folder.path / FACTS).unlink()
    with pytest.raises(UserError, match="the same command again goes on"):
        VectorFolder.open(folder.path)
    with pytest.raises(UserError, match="embed writes one"):
        VectorFolder.open(tmp_path / "nothing")


def test_facts_that_cannot_be_read_are_one_line(folder):
    (folder.path / FACTS).write_text('{"run": 1}')
    with pytest.raises(UserError, match="embed again"):
        folder.facts()
    (folder.path / FACTS).write_text("{")
    with pytest.raises(UserError, match="cannot read"):
        folder.facts()
