"""Data that are dirtied and cleaned on the way into a training."""

import csv
import json
import re
from pathlib import Path

import pytest

from xret.commands._made import _code

pytestmark = pytest.mark.slow

DIRT = ("dirt=captions", "dirt.captions.boilerplate=1", "dirt.captions.html=1")
CLEAN = ("clean=default", "clean.image=null", "clean.text.language=null", "clean.text.spelling=null")


def texts(folder):
    with open(folder / "pairs.csv", newline="") as file:
        return {row["id"]: row["text"] for row in csv.DictReader(file)}


def made():
    return [folder for folder in Path("cache/data").iterdir() if folder.is_dir()]


def test_a_training_dirties_then_cleans_and_runs_share_what_was_made(xret, small):
    small = [*small, "trainer.max_epochs=1"]
    code, _, err = xret("train", *small, *DIRT, "hydra.run.dir=dirty")
    assert code == 0, err
    (first,) = made()
    code, _, err = xret("train", *small, *DIRT, *CLEAN, "hydra.run.dir=cleaned")
    assert code == 0, err
    (second,) = [folder for folder in made() if folder != first]
    before = {folder: folder.stat().st_ctime_ns for folder in made()}
    dirty, cleaned = texts(first), texts(second)
    assert all("<" in text or "&" in text for text in dirty.values())
    assert not any(re.search("<[a-z/]", text) for text in cleaned.values()), cleaned
    assert xret("train", *small, *DIRT, "seed=1", "hydra.run.dir=again")[0] == 0
    assert {folder: folder.stat().st_ctime_ns for folder in made()} == before
    hashes = [
        json.loads(Path(run, "provenance.json").read_text())["data_hash"] for run in ("dirty", "cleaned", "again")
    ]
    assert (hashes[0] == hashes[2], hashes[0] == hashes[1]) == (True, False)
    code, _, err = xret("evaluate", "run=cleaned", "hydra.run.dir=measured")
    assert code == 0, err
    was, now = (json.loads(Path(run, "metrics.json").read_text()) for run in ("cleaned", "measured"))
    assert now["test/text_to_image/mrr"] == was["test/text_to_image/mrr"]


def test_other_dirt_is_other_data_and_evaluate_takes_other_data_as_they_are(xret, small, shapes):
    small = [*small, "trainer.max_epochs=1"]
    for name, more in (("one", "dirt.captions.html=1"), ("two", "dirt.captions.html=0")):
        code, _, err = xret("train", *small, "dirt=captions", more, f"hydra.run.dir={name}")
        assert code == 0, err
    one, two = made()
    assert texts(one) != texts(two)
    Path("other.csv").write_text("\n".join(shapes.read_text().splitlines()[:-3]) + "\n")
    other = ["data=table", "data.path=other.csv", f"data.root={shapes.parent}"]
    code, _, err = xret("evaluate", "run=one", *other, "hydra.run.dir=measured")
    assert code == 0, err
    assert len(made()) == 2


def test_dirt_of_the_training_split_alone_leaves_test_as_it_is(xret, small):
    code, _, err = xret("train", *small, *DIRT, "dirt.splits=[train]", "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    (folder,) = made()
    with open(folder / "pairs.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["split"] for row in rows} == {"train", "val", "test"}
    for row in rows:
        colour, shape, ground = row["id"].split("-")
        assert (row["text"] == f"a {colour} {shape} on {ground}") == (row["split"] != "train"), row


def test_cache_lists_and_clears_what_was_made(xret, small):
    assert xret("train", *small, *DIRT, "trainer.max_epochs=1", "hydra.run.dir=run")[0] == 0
    (folder,) = made()
    _, out, _ = xret("cache")
    assert folder.name[:12] in out
    assert xret("cache", "action=clear")[0] == 0
    assert not made()


def test_changed_code_makes_data_again(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    module = tmp_path / "ours_of_this_test.py"
    module.write_text("first")
    settings = {"text": {"mine": {"_target_": "ours_of_this_test.Mine"}, "gone": {"_target_": "no_such_module.Step"}}}
    before = _code("clean", settings)
    assert before == _code("clean", settings)
    assert before not in (_code("dirt", settings), _code("clean", {}))
    module.write_text("second")
    assert _code("clean", settings) != before
