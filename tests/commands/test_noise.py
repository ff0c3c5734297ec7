"""Mismatched pairs and belief as the user of `train` meets them."""

import csv
import json
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow
NOISE = ("noise=swap", "noise.share=0.4")


def read(name):
    return json.loads(Path(name).read_text())


def table(name):
    return list(csv.DictReader(Path(name).read_text().splitlines()))


@pytest.fixture
def frozen(small):
    """Arguments of a training on stored features of random encoders, begun in closed form."""
    return [*small, "encoder.text.train=head", "encoder.image.train=head", "start=cca", "robust.start_folds=2"]


def test_swaps_training_pairs_alone_and_says_which(xret, small):
    code, _, err = xret("train", *small, *NOISE, "hydra.run.dir=noisy")
    assert code == 0, err
    assert xret("train", *small, "hydra.run.dir=clean")[0] == 0
    split = {row["id"]: row for row in table("noisy/split.csv")}
    swapped = table("noisy/noise.csv")
    train = [i for i, row in split.items() if row["split"] == "train"]
    assert len(swapped) == round(0.4 * len(train))
    for row in swapped:
        assert split[row["id"]]["split"] == split[row["partner_of"]]["split"] == "train"
        assert split[row["id"]]["group"] != split[row["partner_of"]]["group"]
    facts, clean = read("noisy/provenance.json"), read("clean/provenance.json")
    assert facts["noise"] == read("noisy/noise.json")
    assert facts["noise"] == {"share": 0.4, "what": "text", "seed": 0, "rows": len(swapped)} | {
        "sha256": facts["noise"]["sha256"]
    }
    assert "noise" not in clean
    assert not Path("clean/noise.csv").exists()
    for name in ("data_hash", "split_hash"):
        assert facts[name] == clean[name]
    assert read("noisy/metrics.json") != read("clean/metrics.json")
    code, out, err = xret("compare", "runs=[clean,noisy]", "split=test", "tracker=none", "hydra.run.dir=compared")
    assert code == 0, err
    assert "noise=swap" in out
    log = Path("noisy/train.log").read_text()
    assert f"noise: {len(swapped)} of {len(train)} training pairs hold the text of another; val and test stay" in log


def test_the_seed_of_the_noise_is_its_own(xret, small):
    hashes = []
    for name, more in {"a": ["seed=0"], "b": ["seed=1"], "c": ["seed=0", "noise.seed=1"]}.items():
        assert xret("train", *small, *NOISE, *more, "trainer.max_epochs=1", f"hydra.run.dir={name}")[0] == 0
        hashes.append(read(f"{name}/noise.json")["sha256"])
    assert hashes[0] == hashes[1] != hashes[2]


def test_pictures_swap_in_every_fold(xret, small):
    arguments = [*NOISE, "noise.what=image", "folds=2", "trainer.max_epochs=1", "hydra.run.dir=run"]
    code, _, err = xret("train", *small, *arguments)
    assert code == 0, err
    one, other = (Path(f"run/fold_{k}/noise.csv").read_text() for k in range(2))
    assert one != other


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("noise=swap", "noise.share=0"), "share must be in (0, 1]"),
        (("noise=swap", "noise.what=sound"), "noise.what=sound is none of text, image"),
        (("noise=swap", "noise.share=0.01"), "a swap needs at least two pairs"),
        (("robust=split", "robust.momentum=1"), "momentum must be in [0, 1)"),
        (("robust=split", "gather=false", "trainer.devices=2"), "robust needs gather=true"),
        (("false_negatives=threshold", "false_negatives.least=2"), "least must be in (-1, 1]"),
    ],
)
def test_mistakes_are_one_line(xret, small, arguments, message):
    code, _, err = xret("train", *small, *arguments, "hydra.run.dir=run")
    assert code == 2
    assert message in err
    assert "Traceback" not in err


@pytest.mark.parametrize("robust", ["soft", "split", "rematch"])
def test_a_start_is_judged_and_health_knows_the_truth(xret, frozen, robust):
    arguments = [f"robust={robust}", *NOISE, "trainer.max_epochs=3", "hydra.run.dir=run"]
    code, _, err = xret("train", *frozen, *arguments)
    assert code == 0, err
    assert "start: pairs judged by others: clean_share" in Path("run/train.log").read_text()
    history = torch.load("run/checkpoints/last.ckpt", weights_only=True)["callbacks"]
    (state,) = [value for name, value in history.items() if "Checkpoints" in name]
    for epoch in state["history"]:
        for name in ("clean_share", "noise_precision", "noise_recall", "noise_auc"):
            assert 0 <= epoch[f"train/{name}"] <= 1
    code, _, err = xret("evaluate", "run=run", "hydra.run.dir=measured")
    assert code == 0, err
    trained, measured = read("run/metrics.json"), read("measured/metrics.json")
    for name in ("text_to_image/mrr", "text_to_image/ridge_mrr"):  # the baseline was fitted on the noisy pairs
        assert measured[f"test/{name}"] == pytest.approx(trained[f"test/{name}"])


def test_says_when_pairs_cannot_be_matched_anew(xret, small):
    code, _, err = xret("train", *small, "robust=rematch", "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    assert "robust: no pair is matched anew, which needs start=cca" in Path("run/train.log").read_text()


@pytest.mark.parametrize("robust", ["soft", "split"])
def test_a_run_that_was_killed_believes_what_one_that_was_not_does(killed_and_whole, small, robust):
    small = [*small, f"robust={robust}", *NOISE, "trainer.max_epochs=5"]
    small += ["robust.warmup_epochs=1"] if robust == "split" else []
    killed_and_whole(*small)
    assert read("killed/metrics.json") == read("whole/metrics.json")
    one, other = (
        torch.load(f"{n}/checkpoints/last.ckpt", weights_only=True)["state_dict"] for n in ("killed", "whole")
    )
    beliefs = [name for name in one if name.startswith("belief.")]
    assert beliefs
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_belief_changes_the_training_and_the_filter_does(xret, small):
    figures = []
    for name, more in {"plain": [], "soft": ["robust=soft"], "spared": ["false_negatives=margin"]}.items():
        code, _, err = xret("train", *small, *NOISE, *more, f"hydra.run.dir={name}")
        assert code == 0, err
        figures.append(torch.load(f"{name}/checkpoints/best.ckpt", weights_only=True)["state_dict"])
    name = "model.projections.text.linear.weight"
    assert not torch.equal(figures[0][name], figures[1][name])
    assert not torch.equal(figures[0][name], figures[2][name])


def test_two_processes_believe_what_one_does(xret, two_processes, small):
    small = [
        *small,
        *NOISE,
        "encoder/projection=linear",
        "scheduler=constant",
        "robust=split",
        "robust.warmup_epochs=1",
    ]
    two_processes("train", *small, "hydra.run.dir=two")
    code, _, err = xret("train", *small, "hydra.run.dir=one")
    assert code == 0, err
    beliefs = [torch.load(f"{n}/checkpoints/last.ckpt", weights_only=True)["state_dict"] for n in ("one", "two")]
    for name in ("loss", "clean", "seen"):
        one, two = (state[f"belief.robust.{name}"].float() for state in beliefs)
        torch.testing.assert_close(one, two, rtol=1e-2, atol=1e-2)
    assert 0 < one.sum() < len(one), "rows of val and test are never seen"
