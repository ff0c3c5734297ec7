"""Measuring again: the same figures for the same question, and nothing run that a stranger wrote."""

import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


@pytest.fixture
def run(xret, small):
    code, _, err = xret("train", *small, "hydra.run.dir=run")
    assert code == 0, err
    return Path("run")


def test_it_repeats_the_figures_of_the_training(xret, run):
    for split in ("test", "val"):
        code, out, err = xret("evaluate", "run=run", f"split={split}", f"hydra.run.dir={split}")
        assert code == 0, err
        assert f"| {split} |" in out
        again, first = (json.loads(Path(p, "metrics.json").read_text()) for p in (split, "run"))
        assert {name: first[name] for name in again} == again


def test_another_data_set_is_measured_as_well(xret, run, shapes):
    other = shapes.with_name("other.csv")
    lines = shapes.read_text().splitlines()
    other.write_text("\n".join([lines[0] + ",split", *(f"{line},test" for line in lines[1:31])]) + "\n")
    code, _, err = xret("evaluate", "run=run", "data=table", f"data.path={other}", "hydra.run.dir=out")
    assert code == 0, err
    assert json.loads(Path("out/metrics.json").read_text())["test/text_to_image/queries"] == 30


def test_a_run_from_elsewhere_may_not_name_foreign_classes(xret, run):
    config = run / "config.yaml"
    config.write_text(config.read_text().replace("xret.loss.infonce.InfoNCE", "os.system"))
    code, _, err = xret("evaluate", "run=run")
    assert code == 2
    assert "os.system is not trusted" in err


def test_a_checkpoint_that_holds_code_is_not_read(xret, run):
    import torch

    torch.save({"state_dict": {}, "payload": print}, run / "checkpoints/best.ckpt")
    code, _, err = xret("evaluate", "run=run")
    assert code == 2
    assert "cannot read the checkpoint" in err
