"""Data sets as `data` shows and converts them."""

import json
from pathlib import Path


def test_card_of_a_table_counts_its_rows_and_leaves_no_file(xret, shapes):
    code, out, err = xret("data", "action=card", "data=table", f"data.path={shapes}")
    assert code == 0, err
    assert "80: train" in out
    assert "PNG 80 (of 80 looked at)" in out
    assert list(Path().iterdir()) == []


def test_training_keeps_the_card_of_the_rows_it_used(xret, small, shapes):
    code, _, err = xret("train", *small, "trainer.fast_dev_run=true", "hydra.run.dir=run")
    assert code == 0, err
    card = json.loads(Path("run/data_card.json").read_text())
    splits = [line.rpartition(",")[2] for line in Path("run/split.csv").read_text().splitlines()[1:]]
    assert card["pairs"] == {split: splits.count(split) for split in ("train", "val", "test")}
    assert card["pictures"] == 80
