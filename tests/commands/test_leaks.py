"""The leak guard of `train`: what it stops, what it lets pass, and what it pays once."""

import csv
import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xret.commands import _leaks

pytestmark = pytest.mark.slow


@pytest.fixture
def leaking(tmp_path):
    """The arguments of a training on 60 noisy pictures, of whose 12 test pictures four are copies of train's."""
    rng = np.random.default_rng(0)
    lines = ["id,image,text,group,split"]
    pictures = []
    for i in range(60):
        coarse = rng.integers(0, 256, (6, 6, 3), dtype=np.uint8)
        pictures.append(Image.fromarray(coarse).resize((96, 96), Image.Resampling.BICUBIC))
        split = "train" if i < 36 else "val" if i < 48 else "test"
        if i >= 56:
            file = io.BytesIO()
            pictures[i - 56].resize((60, 60)).save(file, "JPEG", quality=70)
            pictures[i] = Image.open(file).convert("RGB")
        pictures[i].save(tmp_path / f"{i}.png")
        lines.append(f"r{i},{i}.png,noise number {i},g{i},{split}")
    (tmp_path / "leaking.csv").write_text("\n".join(lines) + "\n")
    return ["data=table", f"data.path={tmp_path}/leaking.csv", "encoder=scratch", "tracker=none", "details=false",
            "batch.size=16", "batch.workers=0", "trainer.max_steps=1", "trainer.accelerator=cpu"]  # fmt: skip


def test_copies_in_another_split_stop_a_training_with_one_line_and_a_list(xret, leaking):
    code, _, err = xret("train", *leaking, "hydra.run.dir=run")
    assert code == 2
    assert "4 pictures of val or test have a copy in another split (r5" in err
    assert "leaks=warn" in err
    assert "Traceback" not in err
    rows = list(csv.DictReader(Path("run/leaks.csv").read_text().splitlines()))
    assert {(row["id"], row["copy"]) for row in rows} == {(f"r{56 + i}", f"r{i}") for i in range(4)}


def test_warn_goes_on_and_off_does_not_look(xret, leaking):
    assert xret("train", *leaking, "leaks=warn", "hydra.run.dir=a")[0] == 0
    assert "leaks: 4 pictures" in Path("a/train.log").read_text()
    assert Path("a/metrics.json").exists()
    assert xret("train", *leaking, "leaks=off", "hydra.run.dir=b")[0] == 0
    assert not Path("b/leaks.csv").exists()


def test_a_misspelt_way_is_refused_before_a_folder_is_claimed(xret, leaking):
    code, _, err = xret("train", *leaking, "leaks=worn", "hydra.run.dir=run")
    assert code == 2
    assert "fail, warn, off" in err
    assert not Path("run/config.yaml").exists()


def test_pictures_are_compared_once(xret, leaking, monkeypatch):
    compared = []
    monkeypatch.setattr(_leaks, "copies", lambda *given, real=_leaks.copies: compared.append(1) or real(*given))
    for name in "ab":
        assert xret("train", *leaking, "leaks=warn", f"hydra.run.dir={name}")[0] == 0
    assert len(compared) == 1
    assert Path("a/leaks.csv").read_text() == Path("b/leaks.csv").read_text()


def test_a_set_without_copies_passes(xret, small):
    assert xret("train", *small, "hydra.run.dir=run")[0] == 0
    assert not Path("run/leaks.csv").exists()
