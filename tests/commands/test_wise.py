"""Between start and end: what is measured, and what was forgotten."""

import json
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow


def read(name):
    return json.loads(Path(name).read_text())


def figures(xret, wise, split="test"):
    code, _, err = xret("evaluate", "run=run", f"split={split}", f"wise={wise}", f"hydra.run.dir=at/{wise}/{split}")
    assert code == 0, err
    return read(f"at/{wise}/{split}/metrics.json")


def test_a_run_is_measured_between_its_start_and_its_end(xret, small):
    untrained = [a for a in small if "max_epochs" not in a] + ["trainer.max_epochs=1", "optimizer.lr=1e-30"]
    untrained += ["encoder.text.lr=1e-30", "encoder.image.lr=1e-30"]
    assert xret("train", *untrained, "hydra.run.dir=untrained")[0] == 0
    assert xret("train", *small, "hydra.run.dir=run")[0] == 0
    end, start, middle = figures(xret, 1), figures(xret, 0), figures(xret, 0.5)
    whole, nothing = read("run/metrics.json"), read("untrained/metrics.json")
    assert end == {name: whole[name] for name in end}
    assert start == {name: nothing[name] for name in start}
    assert middle not in (start, end)
    code, _, err = xret("evaluate", "run=run", "wise=1.5", "hydra.run.dir=bad")
    assert (code, "between 0 (the start) and 1" in err) == (2, True)
    Path("run/checkpoints/start.ckpt").unlink()
    code, _, err = xret("evaluate", "run=run", "wise=0.5", "hydra.run.dir=none")
    assert (code, "there is no" in err) == (2, True)


def test_training_takes_the_share_that_is_best_on_val_and_evaluate_repeats_it(xret, small):
    code, _, err = xret("train", *small, "wise=best", "hydra.run.dir=run")
    assert code == 0, err
    chosen, metrics = read("run/wise.json"), read("run/metrics.json")
    assert len(chosen["tried"]) == 11
    assert metrics["wise_alpha"] == chosen["alpha"]
    assert metrics["val/plain_mrr"] == pytest.approx(max(chosen["tried"].values()))
    assert figures(xret, "null", "val")["val/mrr"] == metrics["val/mrr"]
    assert figures(xret, 1, "val")["val/plain_mrr"] == pytest.approx(chosen["tried"]["1.0"])
    code, _, err = xret("train", *small, "wise=2", "hydra.run.dir=bad")
    assert (code, "wise must be null, best, or between" in err) == (2, True)


def test_retention_measures_another_data_set_before_and_after_and_changes_nothing_else(xret, small, shapes):
    other = shapes.with_name("other.csv")
    lines = shapes.read_text().splitlines()
    other.write_text("\n".join([lines[0] + ",split", *(f"{line},test" for line in lines[1:31])]) + "\n")
    asked = ["data@retention=table", f"retention.path={other}"]
    code, out, err = xret("train", *small, *asked, "hydra.run.dir=run")
    assert code == 0, err
    assert "| retention |" in out
    assert "before training" in out
    assert xret("train", *small, "hydra.run.dir=plain")[0] == 0
    metrics, plain = read("run/metrics.json"), read("plain/metrics.json")
    assert {name: metrics[name] for name in plain} == plain
    assert all(name.startswith("retention/") for name in metrics.keys() - plain.keys())
    for wise, prefix in ((0, "before_"), (1, "")):
        code, _, err = xret(
            "evaluate", "run=run", "data=table", f"data.path={other}", f"wise={wise}", f"hydra.run.dir=w{wise}"
        )
        assert code == 0, err
        measured = read(f"w{wise}/metrics.json")
        for direction in ("text_to_image", "image_to_text"):
            for figure in ("recall_at_1", "recall_at_10", "mrr"):
                found = metrics[f"retention/{direction}/{prefix}{figure}"]
                assert found == pytest.approx(measured[f"test/{direction}/{figure}"])


def test_frozen_encoders_are_not_in_the_start(xret, small):
    assert xret("train", *small, "encoder.image.train=head", "hydra.run.dir=run")[0] == 0
    kept = torch.load("run/checkpoints/start.ckpt", weights_only=True)["state_dict"]
    assert {name.split(".")[1] for name in kept if name.startswith("encoders.")} == {"text"}
    assert {"projections.text.linear.weight", "projections.image.linear.weight"} <= kept.keys()
