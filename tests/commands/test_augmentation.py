"""Augmentation as a training meets it: versions made once, the same draw whoever reads, and a record of how much."""

import json
import re
from pathlib import Path

import pytest
import torch

pytestmark = pytest.mark.slow

FROZEN = ["encoder.text.train=head", "encoder.image.train=head"]


@pytest.fixture
def policy(tmp_path):
    """Augmentation without WordNet, of both modalities and of pairs."""
    (tmp_path / "words.csv").write_text("red,crimson\nblue,azure\ncircle,disc,ring\nsquare,box\n")
    table = f"augmentation.text.synonyms.table={tmp_path / 'words.csv'}"
    return ["augmentation=light", table, "augmentation.share=0.7", "+augmentation.pairs.mixgen=${mix}"]


@pytest.fixture
def mixing():
    return ["+mix={_target_: xret.augmentation.pairs.mixgen.MixGen, p: 0.3}"]


def metrics(name):
    return json.loads(Path(name, "metrics.json").read_text())


def said(name):
    return Path(name, "train.log").read_text()


def same_weights(*names):
    one, other = (torch.load(f"{n}/checkpoints/best.ckpt", weights_only=True)["state_dict"] for n in names)
    return one.keys() == other.keys() and all(torch.equal(one[k], other[k]) for k in one)


def test_versions_of_a_frozen_encoder_are_made_once_and_shared_by_seeds(xret, small, policy, mixing):
    run = [*small, *FROZEN, *policy, *mixing, "augmentation.views=2", "details=false"]
    code, _, err = xret("train", *run, "hydra.run.dir=one")
    assert code == 0, err
    assert "augmentation: text from 2 stored versions" in said("one")
    assert "augmentation: image from 2 stored versions" in said("one")
    made = re.findall(r"augmentation: \d+ (\w+) features encoded", said("one"))
    assert sorted(made) == ["image"] * 4 + ["text"] * 4  # two versions of items, two of mixed pairs
    code, _, err = xret("train", *run, "seed=1", "hydra.run.dir=two")
    assert code == 0, err
    assert "features encoded" not in said("two")
    assert said("two").count("from the cache") == 10
    code, _, err = xret("train", *run, "augmentation.views=3", "hydra.run.dir=three")
    assert len(re.findall("features encoded", said("three"))) == 4  # the third version alone


def test_without_versions_a_frozen_encoder_reads_and_the_processes_that_read_do_not_matter(xret, small, policy, mixing):
    run = [*small, *FROZEN, *policy, *mixing, "augmentation.views=null", "details=false"]
    for name, workers in (("here", 0), ("there", 2)):
        code, _, err = xret("train", *run, f"batch.workers={workers}", f"hydra.run.dir={name}")
        assert code == 0, err
    assert "image is read and changed anew at each step" in said("here")
    assert metrics("here") == metrics("there")
    assert same_weights("here", "there")


@pytest.mark.parametrize("mode", ["trained", "stored"])
def test_an_augmented_run_that_was_interrupted_ends_like_one_that_was_not(
    xret, small, policy, mixing, mode, monkeypatch
):
    from xret.model.module import RetrievalModule

    run = [*small, *policy, *mixing, "augmentation.views=2", "augmentation.ramp_epochs=2", "details=false"]
    run += ["trainer.max_epochs=4", *(FROZEN if mode == "stored" else [])]
    assert xret("train", *run, "hydra.run.dir=whole")[0] == 0
    begin = RetrievalModule.on_train_epoch_start

    def cut(self):
        if self.current_epoch == 2:
            raise RuntimeError("the power goes")
        begin(self)

    monkeypatch.setattr(RetrievalModule, "on_train_epoch_start", cut)
    assert xret("train", *run, "hydra.run.dir=cut")[0] == 1
    monkeypatch.setattr(RetrievalModule, "on_train_epoch_start", begin)
    code, _, err = xret("train", "resume=cut")
    assert code == 0, err
    assert metrics("cut") == metrics("whole")
    assert same_weights("cut", "whole")


def test_how_much_was_changed_stands_beside_the_losses_and_validation_is_left_alone(xret, small, policy, monkeypatch):
    from xret.model.module import RetrievalModule

    seen = {}

    def keep(self, figures):
        seen.update({name: float(value) for name, value in figures.items()})

    monkeypatch.setattr(RetrievalModule, "_remember", keep)
    run = [*small, *policy[:2], "trainer.max_epochs=1", "details=false", "augmentation.share=1.0"]
    assert xret("train", *run, "hydra.run.dir=run")[0] == 0
    assert 0.4 < seen["augmented_text"] < 1
    assert 0.3 < seen["changed_words"] < 3
    assert 0.5 < seen["augmented_image"] <= 1
    assert "mixed_pairs" not in seen


def test_validation_vectors_do_not_depend_on_augmentation(xret, small, policy):
    """With a learning rate of nothing, the figures are those of the plain run."""
    frozen = [*small, *FROZEN, "start=none", "optimizer.lr=1e-30", "details=false"]
    for name, extra in (("plain", []), ("stored", policy[:3]), ("anew", [*policy[:3], "augmentation.views=null"])):
        code, _, err = xret("train", *frozen, *extra, "hydra.run.dir=" + name)
        assert code == 0, err
    val = [{k: v for k, v in metrics(n).items() if "train" not in k} for n in ("plain", "stored", "anew")]
    assert val[0] == val[1] == val[2]


def test_a_start_in_closed_form_may_see_the_versions(xret, small, policy):
    run = [*small, *FROZEN, *policy[:3], "encoder/projection=linear", "encoder.projection.dim=32", "optimizer.lr=1e-30"]
    run += ["start.lr=1e-30", "details=false"]
    for name, start in (("without", "false"), ("with", "true")):
        code, _, err = xret("train", *run, f"augmentation.start={start}", f"hydra.run.dir={name}")
        assert code == 0, err
        assert "closed form" in said(name)
    assert not same_weights("with", "without")


def test_a_tokeniser_without_a_mask_token_is_said_and_masking_left_out(xret, small, policy):
    run = [*small, *policy[:2], "augmentation=strong", "augmentation.text.insert=null", "details=false"]
    code, _, err = xret("train", *run, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    assert "text/mask is left out" in said("run")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["augmentation.text.synonyms.wordnet=/nowhere"], "apt-get install wordnet-base"),
        (["augmentation.text=null", "augmentation.image=null"], "needs an operation"),
        (["augmentation.share=3"], "share must be in [0, 1]"),
        (["augmentation.image.rotate.degrees=0"], "degrees must be in (0, 180]"),
    ],
)
def test_a_mistake_is_one_line(xret, small, arguments, message):
    code, _, err = xret("train", *small, "augmentation=light", *arguments, "hydra.run.dir=run")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()[-1:]) == 1
