"""Adversarial training and evaluation under attack, as their user meets them."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

pytestmark = pytest.mark.slow

HEAD = ["encoder.image.train=head", "encoder.text.train=head"]


def read(name):
    return json.loads(Path(name, "metrics.json").read_text())


def weights(name):
    return torch.load(f"{name}/checkpoints/best.ckpt", weights_only=True)["state_dict"]


@pytest.fixture
def run(xret, small):
    code, _, err = xret("train", *small, "details=false", "hydra.run.dir=run")
    assert code == 0, err
    return Path("run")


@pytest.mark.parametrize("attack", ["fgsm", "pgd"])
def test_evaluate_prints_a_line_of_its_own_beside_the_clean_figures(xret, run, attack):
    code, out, err = xret("evaluate", "run=run", f"attack={attack}", "attack.epsilon=0.3", "hydra.run.dir=hit")
    assert code == 0, err
    assert out.count(f"|   under {'FGSM' if attack == 'fgsm' else 'PGD-7'} 0.3 |") == 2
    clean, figures = read("run"), read("hit")
    assert {name: figures[name] for name in clean if name.startswith("test/")} == {
        name: value for name, value in clean.items() if name.startswith("test/")
    }
    robust = {name: value for name, value in figures.items() if "/robust_" in name}
    for direction in ("text_to_image", "image_to_text"):
        low, high = (robust[f"test/{direction}/robust_recall_at_10_{end}"] for end in ("low", "high"))
        assert low <= robust[f"test/{direction}/robust_recall_at_10"] <= high
        assert robust[f"test/{direction}/robust_mrr"] < clean[f"test/{direction}/mrr"]
    assert "test/robust_mrr" in robust
    assert "test/image_to_text/robust_queries" not in robust
    with np.load("hit/per_query.npz") as arrays:
        mean = arrays["test/image_to_text/robust_mrr"].mean()
    assert mean == pytest.approx(robust["test/image_to_text/robust_mrr"])


def test_texts_are_attacked_too_and_together_they_fall_further(xret, run):
    found = {}
    for attacked in ("[image]", "[text]", "[image,text]"):
        arguments = ["attack=fgsm", "attack.epsilon=0.1", "attack.epsilon_relative=0.3", f"attacked={attacked}"]
        code, out, err = xret("evaluate", "run=run", *arguments, "split=train", f"hydra.run.dir=hit{len(found)}")
        assert code == 0, err
        assert ("text embeddings 0.3 of their length" in out) == ("text" in attacked)
        found[attacked] = read(f"hit{len(found)}")["train/robust_mrr"]
    assert found["[image,text]"] < min(found["[image]"], found["[text]"])


def test_a_frozen_encoder_is_attacked_through_its_pixels_or_at_what_is_stored(xret, small):
    assert xret("train", *small, *HEAD, "details=false", "hydra.run.dir=run")[0] == 0
    code, out, err = xret("evaluate", "run=run", "attack=fgsm", "hydra.run.dir=pixels")
    assert code == 0, err
    assert "under FGSM 0.03 |" in out
    code, out, err = xret("evaluate", "run=run", "attack=fgsm", "attack_space=auto", "hydra.run.dir=stored")
    assert code == 0, err
    assert "under FGSM: image features 0.1 of their length |" in out
    assert read("pixels")["test/robust_mrr"] != read("stored")["test/robust_mrr"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attacked=[audio]"], "attacked must be a list out of [text, image], got"),
        (["attacked=image"], "attacked must be a list out of [text, image], got image"),
        (["attack_space=pixels"], "attack_space must be one of auto, input, got pixels"),
        (["attack.epsilon=8"], "epsilon must be in (0, 1]"),
    ],
)
def test_evaluate_says_what_is_wrong(xret, run, arguments, message):
    code, _, err = xret("evaluate", "run=run", "attack=fgsm", *arguments)
    assert code == 2
    assert message in err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["adversarial.modalities=[audio]"], "adversarial.modalities must be a list out of [text, image]"),
        (["adversarial.space=pixels"], "adversarial.space must be one of auto, input"),
        (["adversarial.share=0"], "adversarial.share must be in (0, 1]"),
        (["adversarial.weight=0"], "adversarial.weight must be positive"),
        (["adversarial.clean_weight=-1"], "must be at least 0"),
        (["adversarial.attack.epsilon=8"], "epsilon must be in (0, 1]"),
    ],
)
def test_train_says_what_is_wrong(xret, small, arguments, message):
    code, _, err = xret("train", *small, "adversarial=fgsm", *arguments)
    assert code == 2
    assert message in err


def test_training_says_what_it_attacks_and_logs_how_it_goes(xret, small, caplog):
    arguments = ["adversarial=pgd", "adversarial.attack.steps=2", "adversarial.modalities=[image,text]"]
    code, _, err = xret("train", *small, *arguments, "details=false", "hydra.run.dir=run")
    assert code == 0, err
    said = Path("run/train.log").read_text()
    assert "PGD-2 attacks pixels of image, by 0.03" in said
    assert "PGD-2 attacks word embeddings of text, by 0.1 of their length" in said
    state = torch.load("run/checkpoints/last.ckpt", weights_only=False)
    assert state["epoch"] >= 1
    history = str(state["callbacks"])
    for name in ("clean_loss", "adversarial_loss", "score_drop", "perturbation_image", "perturbation_text"):
        assert f"train/{name}" in history


def test_a_frozen_encoder_is_attacked_at_its_stored_vectors_unless_its_input_is_asked_for(xret, small):
    results = {}
    for space in ("auto", "input"):
        arguments = ["adversarial=fgsm", f"adversarial.space={space}", "details=false"]
        code, _, err = xret("train", *small, *HEAD, *arguments, f"hydra.run.dir={space}")
        assert code == 0, err
        said = Path(space, "train.log").read_text()
        assert ("attacks the stored vectors of the frozen image encoder" in said) == (space == "auto")
        assert ("attacks pixels of image, by 0.03" in said) == (space == "input")
        results[space] = weights(space)
    assert any(not torch.equal(value, results["input"][name]) for name, value in results["auto"].items())


def test_the_switch_off_is_the_training_without_it_and_on_is_another(xret, small, run):
    variants = {"off": "adversarial=none", "kept": "batch.keep_pictures=true", "on": "adversarial=fgsm"}
    for name, more in variants.items():
        code, _, err = xret("train", *small, "details=false", more, f"hydra.run.dir={name}")
        assert code == 0, err
    plain = weights("run")
    for name in ("off", "kept"):
        assert all(torch.equal(value, weights(name)[key]) for key, value in plain.items())
    assert any(not torch.equal(value, weights("on")[key]) for key, value in plain.items())
    assert "adversarial.attack" not in str(OmegaConf.load("off/config.yaml"))


def test_a_run_that_was_killed_ends_like_one_that_was_not_random_starts_and_all(killed_and_whole, small):
    arguments = [*small, "adversarial=pgd", "adversarial.attack.steps=2", "details=false", "trainer.max_epochs=4"]
    killed_and_whole(*arguments)
    assert read("killed") == read("whole")
    one, other = weights("killed"), weights("whole")
    assert all(torch.equal(one[name], other[name]) for name in one)
