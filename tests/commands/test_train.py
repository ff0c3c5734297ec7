"""Training as its user meets it: a table, a record, and no surprise when it is stopped."""

import gc
import json
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from xret.commands._result import objective

pytestmark = pytest.mark.slow


def read(name):
    return json.loads(Path(name).read_text())


def test_a_run_prints_its_table_and_leaves_its_record(xret, small):
    targets = "targets={test/text_to_image/recall_at_10: 2}"
    code, out, err = xret("train", *small, "details=true", targets, "hydra.run.dir=run")
    assert code == 0, err
    assert "| text → image |" in out
    assert "target test/text_to_image/recall_at_10: missed" in out
    assert out.rstrip().splitlines()[-1] == f"run: {Path('run').resolve()}"
    metrics = read("run/metrics.json")
    for direction in ("text_to_image", "image_to_text"):
        for name in (
            "recall_at_1",
            "recall_at_10",
            "set_recall_at_10",
            "precision_at_1",
            "map",
            "map_at_r",
            "mrr",
            "ndcg_at_10",
        ):
            assert 0 <= metrics[f"test/{direction}/{name}"] <= 1
            low, high = (metrics[f"test/{direction}/{name}_{end}"] for end in ("low", "high"))
            assert low <= metrics[f"test/{direction}/{name}"] <= high
        assert metrics[f"test/{direction}/median_rank"] >= 1
        assert 0 < metrics[f"test/{direction}/chance_recall_at_10"] <= 1
    provenance = read("run/provenance.json")
    assert provenance["seed"] == 0
    assert {"data_hash", "split_hash", "versions", "machine", "git"} <= provenance.keys()
    assert yaml.safe_load(Path("run/config.yaml").read_text())["loss"]["_target_"] == "xret.loss.infonce.InfoNCE"
    assert len(Path("run/split.csv").read_text().splitlines()) == 81
    assert read("run/cost.json")["latency_ms"]["text_to_image"]["p95"] > 0
    for picture in ("curves.png", "answers.png"):
        assert Path("run", picture).read_bytes()[:4] == b"\x89PNG"


def test_the_same_seed_gives_the_same_figures_and_another_seed_others(xret, small):
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        code, _, err = xret("train", *small, f"hydra.run.dir={name}", f"seed={seed}")
        assert code == 0, err
    assert read("a/metrics.json") == read("b/metrics.json")
    assert read("a/metrics.json") != read("c/metrics.json")


@pytest.mark.parametrize("moment", ["provenance.json", "checkpoints/last.ckpt"])
def test_a_run_that_was_killed_ends_like_one_that_was_not(killed_and_whole, small, moment):
    killed_and_whole(*small, "trainer.max_epochs=5", moment=moment)
    assert read("killed/metrics.json") == read("whole/metrics.json")
    one, other = (
        torch.load(f"{name}/checkpoints/best.ckpt", weights_only=True)["state_dict"] for name in ("killed", "whole")
    )
    assert one.keys() == other.keys()
    assert all(torch.equal(one[k], other[k]) for k in one)


def test_ctrl_c_keeps_what_was_learnt_and_resume_goes_on(start, wait_for, small, xret):
    process = start("train", *small, "trainer.max_epochs=500", "hydra.run.dir=run")
    wait_for(Path("run/checkpoints/last.ckpt"), process)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "resume=" in err
    assert "Traceback" not in err
    assert read("run/interrupted.json")["of"] == 500
    assert not Path("run/metrics.json").exists()
    code, out, err = xret("evaluate", "run=run", "hydra.run.dir=measured")
    assert code == 0, err
    assert "| text → image |" in out


def test_resume_refuses_what_disagrees_with_the_run(xret, small):
    assert xret("train", *small, "hydra.run.dir=run")[0] == 0
    code, out, err = xret("train", "resume=run")
    assert code == 0, err
    assert out.rstrip().splitlines()[-1].startswith("run: ")
    code, _, err = xret("train", *small, "seed=3", "resume=run")
    assert code == 2
    assert "seed=0" in err
    code, _, err = xret("train", *small, "hydra.run.dir=run")
    assert code == 2
    assert "finished run" in err


def test_broken_rows_are_listed_and_skipped_or_fatal(xret, small, shapes, tmp_path):
    table = shapes.with_name("broken.csv")
    good = shapes.read_text()
    truncated = shapes.with_name("truncated.png")
    truncated.write_bytes(shapes.with_name("red-circle-white.png").read_bytes()[:120])
    table.write_text(
        good + "a,missing.png,nothing here\nb,truncated.png,cut off\nc,red-bar-white.png,\nd,../../x.png,outside\n"
    )
    arguments = [a for a in small if not a.startswith("data.path")] + [f"data.path={table}"]
    code, _, err = xret("train", *arguments, "hydra.run.dir=run")
    assert code == 0, err
    rejected = {
        row["row"]: row["reason"] for row in map(json.loads, Path("run/rejected.jsonl").read_text().splitlines())
    }
    assert rejected == {"a": "missing", "b": "undecodable", "c": "empty", "d": "outside"}
    code, _, err = xret("train", *arguments, "data.on_error=fail", "hydra.run.dir=fatal")
    assert code == 2
    assert "data.on_error=skip" in err


def test_a_broken_picture_at_the_front_costs_no_figure(xret, small, shapes):
    header, *lines = shapes.read_text().splitlines()
    shapes.with_name("cut.png").write_bytes(shapes.with_name("red-circle-white.png").read_bytes()[:120])
    table = shapes.with_name("front.csv")
    table.write_text("\n".join([header, "cut,cut.png,cut off", *lines]) + "\n")
    arguments = [a for a in small if not a.startswith(("data.path", "details"))] + [f"data.path={table}"]
    code, _, err = xret("train", *arguments, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    costs = read("run/cost.json")
    assert min(costs["encode_per_s"].values()) > 0
    assert min(found["p50"] for found in costs["latency_ms"].values()) > 0


def test_a_frozen_encoder_is_encoded_once_and_compared_with_ridge(xret, small):
    frozen = [*small, "encoder.text.train=head", "encoder.image.train=head"]
    assert xret("train", *frozen, "hydra.run.dir=one")[0] == 0
    metrics = read("one/metrics.json")
    assert 0 <= metrics["test/text_to_image/ridge_recall_at_10"] <= 1
    _, out, _ = xret("cache")
    assert "2 stored" in out
    assert "image" in out
    assert xret("train", *frozen, "hydra.run.dir=two")[0] == 0
    assert "from the cache" in Path("two/train.log").read_text()
    assert read("one/metrics.json") == read("two/metrics.json")
    gc.collect()  # what this process still holds is in use
    assert "2 removed" in xret("cache", "action=clear")[1]
    assert "0 stored" in xret("cache")[1]


def test_a_monitor_that_is_not_measured_and_a_loss_that_explodes_are_the_users_to_mend(xret, small):
    code, _, err = xret("train", *small, "monitor=val/mmr", "hydra.run.dir=a")
    assert code == 2
    assert "val/mrr" in err
    code, _, err = xret("train", *small, "optimizer.lr=1e30", "encoder.text.lr=1e30", "hydra.run.dir=b")
    assert code == 2
    assert "lower optimizer.lr" in err


@pytest.mark.filterwarnings("default")  # MLflow 3.17 and what it imports warn of their own deprecations
def test_mlflow_holds_the_same_record(xret, small):
    code, _, err = xret("train", *small, "details=true", "tracker=mlflow", "hydra.run.dir=run")
    assert code == 0, err
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{Path('mlflow.db').resolve()}")
    run = client.get_run(read("run/mlflow.json")["run_id"])
    assert run.info.status == "FINISHED"
    assert run.data.params["loss._target_"] == "xret.loss.infonce.InfoNCE"
    metrics = read("run/metrics.json")
    assert run.data.metrics["test/text_to_image/recall_at_10"] == metrics["test/text_to_image/recall_at_10"]
    assert len(client.get_metric_history(run.info.run_id, "val/mrr")) >= 2
    assert [d.dataset.name for d in run.inputs.dataset_inputs] == [read("run/provenance.json")["data"]]
    artifacts = {a.path for a in client.list_artifacts(run.info.run_id)}
    assert {"metrics.json", "config.yaml", "curves.png", "answers.png"} <= artifacts


def test_two_processes_train_what_one_does(xret, two_processes, small):
    small = [*small, "encoder/projection=linear", "scheduler=constant"]
    assert two_processes("train", *small, "hydra.run.dir=two").count("| text → image |") == 1
    code, _, err = xret("train", *small, "hydra.run.dir=one")
    assert code == 0, err
    states = [torch.load(f"{name}/checkpoints/last.ckpt", weights_only=True) for name in ("one", "two")]
    curves = [state["callbacks"]["Checkpoints"]["history"] for state in states]
    for one, other in zip(*curves, strict=True):
        assert one["train/loss"] == pytest.approx(other["train/loss"], rel=1e-5)
        measured = {name for name in one if name.startswith("val/")}
        assert len(measured) > 4
        assert {name: one[name] for name in measured} == {name: other[name] for name in measured}


def test_folds_average_over_all_groups_of_train_and_val_and_leave_test_closed(xret, small):
    code, out, err = xret("train", *small, "folds=3", "hydra.run.dir=run")
    assert code == 0, err
    assert out.count("| val |") == 1
    metrics = read("run/metrics.json")
    parts = [read(f"run/fold_{k}/metrics.json") for k in range(3)]
    assert metrics["val/mrr"] == pytest.approx(sum(p["val/mrr"] for p in parts) / 3)
    assert not [name for name in metrics if name.startswith("test/")]
    with np.load("run/per_query.npz") as queries:
        groups = queries["val/text_to_image/group"]
    splits = [line.split(",") for line in Path("run/fold_0/split.csv").read_text().splitlines()[1:]]
    assert len(groups) == len(set(groups.tolist())) == sum(split != "test" for _, _, split in splits)
    code, _, err = xret("train", *small, "folds=1", "hydra.run.dir=bad")
    assert (code, "at least 2" in err) == (2, True)


def test_a_closed_test_split_is_not_measured(xret, small):
    code, out, err = xret("train", *small, "test=false", "hydra.run.dir=run")
    assert code == 0, err
    assert not [name for name in read("run/metrics.json") if name.startswith("test/")]
    assert "| val |" in out
    with np.load("run/per_query.npz") as queries:
        assert {name.split("/")[0] for name in queries} == {"val"}


def test_existing_continue_skips_what_is_done_and_refuses_other_settings(xret, small):
    arguments = [*small, "existing=continue", "hydra.run.dir=run"]
    assert xret("train", *arguments)[0] == 0
    before = Path("run/checkpoints/last.ckpt").stat().st_mtime_ns
    code, out, err = xret("train", *arguments)
    assert code == 0, err
    assert "| text → image |" not in out
    assert "done already" in Path("run/train.log").read_text()
    assert Path("run/checkpoints/last.ckpt").stat().st_mtime_ns == before
    code, _, err = xret("train", *arguments, "batch.size=8")
    assert code == 2
    assert "batch" in err
    code, _, err = xret("train", *small, "existing=maybe", "hydra.run.dir=other")
    assert (code, "refuse or continue" in err) == (2, True)


@pytest.mark.parametrize("key", ["monitor", "objective"])
def test_a_misspelt_figure_is_found_before_training(xret, small, key):
    code, _, err = xret("train", *small, f"{key}=val/mmr", "hydra.run.dir=run")
    assert code == 2
    assert "did you mean val/mrr" in err
    assert not Path("run/checkpoints").exists()
    code, _, err = xret("train", *small, "objective=test/text_to_image/mrr", "hydra.run.dir=other")
    assert (code, "spoil" in err) == (2, True)


def test_a_sweep_gets_the_figures_it_asked_for(xret, small, monkeypatch):
    got = []
    monkeypatch.setattr("xret.commands._result.objective", lambda *a: got.append(objective(*a)) or got[-1])
    asked = "objective=[val/text_to_image/recall_at_5,parameters/trained,latency_ms/text_to_image/p50]"
    assert xret("train", *small, asked, "hydra.run.dir=run")[0] == 0
    [(recall, count, latency)] = got
    assert recall == read("run/metrics.json")["val/text_to_image/recall_at_5"]
    assert count == read("run/cost.json")["parameters"]["trained"]
    assert latency == read("run/cost.json")["latency_ms"]["text_to_image"]["p50"]


def test_adapters_are_stored_without_the_network_they_adapt(xret, small):
    pytest.importorskip("peft", reason="the extra lora is not installed")
    image = ["encoder/image=timm", "encoder.image.model=resnet10t", "encoder.image.weights=null"]
    image += ["encoder.image.image_px=32", "encoder.image.train=lora_2", "encoder.image.lr=0.01"]
    code, _, err = xret("train", *small, *image, "hydra.run.dir=run")
    assert code == 0, err
    stored = torch.load("run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    of_image = [name for name in stored if name.startswith("model.encoders.image.")]
    assert of_image
    assert [n for n in of_image if ".network." in n]
    assert all(".lora_" in n for n in of_image if ".network." in n)
    assert any(stored[name].abs().sum() > 0 for name in of_image if "lora_B" in name)
    assert read("run/provenance.json")["frozen"].keys() == {"image"}
    code, _, err = xret("evaluate", "run=run", "hydra.run.dir=again")
    assert code == 0, err
    again = read("again/metrics.json")
    assert {name: read("run/metrics.json")[name] for name in again} == again
    Path("run/metrics.json").unlink()
    code, _, err = xret("train", "resume=run")
    assert code == 0, err
    assert {name: read("run/metrics.json")[name] for name in again} == again
    provenance = read("run/provenance.json")
    provenance["frozen"]["image"] = "0" * 64
    Path("run/provenance.json").write_text(json.dumps(provenance))
    code, _, err = xret("evaluate", "run=run", "hydra.run.dir=other")
    assert (code, "the frozen image encoder is not the one" in err) == (2, True)
