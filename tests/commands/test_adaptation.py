"""Adaptation as its user meets it: the target is measured, a kill changes nothing, mistakes are one line."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from xret.commands._target import TargetItems
from xret.data.batch import Draw
from xret.data.providers import Stored

pytestmark = pytest.mark.slow


def read(name):
    return json.loads(Path(name).read_text())


@pytest.fixture(scope="session")
def grey(shapes, tmp_path_factory):
    """The path of the same table with grey pictures: the target domain."""
    from PIL import Image

    folder = tmp_path_factory.mktemp("grey")
    for path in shapes.parent.glob("*-*.png"):
        Image.open(path).convert("L").convert("RGB").save(folder / path.name)
    (folder / "pairs.csv").write_text(shapes.read_text())
    return folder / "pairs.csv"


@pytest.fixture
def frozen(small, grey):
    """Arguments of a training on stored features, with a target domain."""
    return [*small, "encoder.text.train=head", "encoder.image.train=head", f"data.target={grey}", "details=false"]


@pytest.mark.parametrize("train", ["head", "all"])
def test_the_target_is_measured_beside_the_source_and_measured_again_by_evaluate(xret, small, grey, train):
    arguments = [*small, f"encoder.image.train={train}", f"encoder.text.train={train}", f"data.target={grey}"]
    code, out, err = xret("train", *arguments, "adaptation=mmd", "hydra.run.dir=run")
    assert code == 0, err
    assert "| test |" in out
    assert "| target |" in out
    assert ("moment matching" in out) == (train == "head")
    metrics = read("run/metrics.json")
    assert 0 <= metrics["target/text_to_image/recall_at_10"] <= 1
    assert ("target/image_to_text/moment_recall_at_10" in metrics) == (train == "head")
    assert not [name for name in metrics if name.startswith("val/target")]
    assert {"data_hash", "target_hash"} <= read("run/provenance.json").keys()
    with np.load("run/per_query.npz") as arrays:
        assert arrays["target/text_to_image/mrr"].mean() == pytest.approx(metrics["target/text_to_image/mrr"])
    code, out, err = xret("evaluate", "run=run", "split=target", "hydra.run.dir=again")
    assert code == 0, err
    again = read("again/metrics.json")
    assert again == {name: value for name, value in metrics.items() if name.startswith("target/")}


def test_adaptation_changes_what_is_learnt_and_a_named_target_alone_does_not(xret, small, frozen):
    plain = [a for a in frozen if not a.startswith("data.target")]
    for name, arguments in {"plain": plain, "named": frozen, "mmd": [*frozen, "adaptation=mmd"]}.items():
        code, _, err = xret("train", *arguments, f"hydra.run.dir={name}")
        assert code == 0, err
    plain, named = (read(f"{name}/metrics.json") for name in ("plain", "named"))
    assert not [name for name in plain if name.startswith("target/")]
    assert {n: v for n, v in named.items() if not n.startswith("target/")} == plain
    weights = [
        torch.load(f"{name}/checkpoints/last.ckpt", weights_only=True)["state_dict"][
            "model.projections.image.linear.weight"
        ]
        for name in ("plain", "named", "mmd")
    ]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_dann_that_was_killed_ends_like_one_that_was_not(killed_and_whole, frozen):
    arguments = [*frozen, "adaptation=dann", "keep=last", "trainer.max_epochs=6"]
    killed_and_whole(*arguments)
    assert read("killed/metrics.json") == read("whole/metrics.json")
    one, other = (torch.load(f"{name}/checkpoints/last.ckpt", weights_only=True) for name in ("killed", "whole"))
    assert all(torch.equal(one["state_dict"][k], other["state_dict"][k]) for k in other["state_dict"])
    assert any("adversaries" in name for name in other["state_dict"])
    lambdas = [row["train/domain_lambda"] for row in one["callbacks"]["Checkpoints"]["history"]]
    assert lambdas == sorted(lambdas)
    assert lambdas[0] < 0.5 < 0.99 < lambdas[-1] + 0.02
    assert read("whole/metrics.json")["best_epoch"] == 5


def test_the_modality_adversary_needs_no_target(xret, small):
    code, out, err = xret("train", *small, "adaptation=modality_dann", "details=false", "hydra.run.dir=run")
    assert code == 0, err
    assert "| target |" not in out
    history = torch.load("run/checkpoints/last.ckpt", weights_only=True)["callbacks"]["Checkpoints"]["history"]
    assert {"train/modality_accuracy", "train/modality_lambda", "train/adaptation"} <= history[-1].keys()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["adaptation=mmd"], "set data.target"),
        (
            ["adaptation=mmd", "data.target=TARGET", "adaptation.modalities=[audio]"],
            "modalities must be of text, image",
        ),
        (["adaptation=dann", "data.target=TARGET", "adaptation.weight=-1"], "weight must be above 0"),
        (["keep=first"], "keep must be best or last"),
    ],
)
def test_mistakes_are_one_line(xret, small, grey, arguments, says):
    arguments = [a.replace("TARGET", str(grey)) for a in arguments]
    code, _, err = xret("train", *small, *arguments, "hydra.run.dir=run")
    assert code == 2
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_target_items_are_drawn_anew_for_each_batch_and_the_same_for_the_same_batch():
    places = {"image": np.array([4, 5, 6, 9])}
    items = TargetItems({"image": Stored("vector", np.arange(10, dtype=np.float32)[:, None])}, places)

    def drawn(seed, count=3):
        return items(np.arange(count), Draw(0, np.random.default_rng(seed)))["image"]["vector"][:, 0].tolist()

    assert drawn(0) == drawn(0)
    assert len({tuple(drawn(seed)) for seed in range(20)}) > 5
    assert all(len(set(drawn(seed))) == 3 and set(drawn(seed)) <= {4, 5, 6, 9} for seed in range(20))
    assert sorted(drawn(0, count=99)) == [4, 5, 6, 9]
