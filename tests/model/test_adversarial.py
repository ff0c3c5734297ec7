"""Adversarial training: what the attack sees, what it leaves alone, and what its loss teaches."""

import copy
import importlib
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

from xret.attack.fgsm import FGSM
from xret.attack.pgd import PGD
from xret.data.batch import Batch
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.loss.infonce import InfoNCE
from xret.miner.inbatch import InBatch
from xret.model.adversarial import Adversarial
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step

WORDS = ["a dog", "the red fox runs", "apple", "a very big bus", "moon", "ship"]


class Norm(nn.Module):
    """A BatchNorm that counts what it saw in train mode."""

    dim = 16

    def __init__(self, width):
        super().__init__()
        self.norm = nn.BatchNorm1d(width)
        self.linear = nn.Linear(width, 16)

    def forward(self, vector):
        """Map (B, width) to (B, 16)."""
        return self.linear(self.norm(vector))


def model_of(dropout=0.5, projection=None):
    torch.manual_seed(0)
    encoders = {"text": TextScratch(width=64), "image": ImageScratch(width=64, image_px=16)}
    make = projection or (lambda width: Linear(width, 16, dropout=dropout))
    return DualEncoder(encoders, {m: make(64) for m in encoders})


def step_of(model, groups=range(6)):
    torch.manual_seed(1)
    inputs = {
        "text": model.encoders["text"].collate(WORDS),
        "image": {"pixels": torch.randint(0, 256, (6, 3, 16, 16), dtype=torch.uint8)},
    }
    group = torch.tensor(list(groups))
    batch = Batch(inputs, group, torch.ones(6), torch.zeros_like(group), torch.arange(6))
    return Step(model, batch, {m: model.encode(m, x) for m, x in inputs.items()})


class Spy:
    """An attack that notes how it was called, and moves nothing."""

    def __init__(self, model):
        self.model = model

    def __call__(self, loss, points, rows):
        """Keep what came."""
        self.points, self.rows = points, rows
        self.modes = {module.training for module in self.model.modules()}
        self.autocast = torch.is_autocast_enabled("cpu")
        leaves = {name: point.clone().requires_grad_() for name, point in points.items()}
        self.loss = loss(leaves)
        self.gradients = torch.autograd.grad(self.loss, list(leaves.values()))
        return points


def spied(model, step, modalities=("image",), criterion=None):
    spy = Spy(model)
    retrieval = Retrieval(InfoNCE(), InBatch())
    losses = Adversarial(criterion or retrieval.criterion, spy, modalities)(step)
    return spy, losses, retrieval


def test_the_attack_is_against_the_retrieval_loss_of_the_batch_by_group():
    model = model_of()
    groups = [0, 0, 1, 2, 3, 4]
    step = step_of(model, groups)
    spy, _, retrieval = spied(model, step)
    still = copy.deepcopy(model).eval()
    expected = retrieval(step_of(still, groups))["retrieval"]
    torch.testing.assert_close(spy.loss, expected)
    assert not torch.allclose(spy.loss, retrieval(step_of(still))["retrieval"])


def test_the_attack_meets_the_model_in_eval_mode_in_float32_and_leaves_its_modes():
    model = model_of(projection=Norm)
    model.projections["text"].norm.eval()
    modes = [module.training for module in model.modules()]
    step = step_of(model)
    seen = model.projections["image"].norm.num_batches_tracked.clone()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        spy, losses, _ = spied(model, step)
    assert spy.modes == {False}
    assert not spy.autocast
    assert spy.loss.dtype == torch.float32
    assert spy.gradients[0].dtype == torch.float32
    assert losses["adversarial"].isfinite()
    assert [module.training for module in model.modules()] == modes
    after = model.projections["image"].norm.num_batches_tracked
    assert after == seen + 1, "only the moved batch itself may count in a BatchNorm, not the attack"


def test_the_attack_moves_pixels_in_zero_to_one_and_embeddings_of_words():
    model = model_of()
    spy, _, _ = spied(model, step_of(model), ("image", "text"))
    assert spy.points["image"].dtype == torch.float32
    assert 0 <= spy.points["image"].min() < 0.1
    assert 0.9 < spy.points["image"].max() <= 1
    assert spy.points["text"].shape == (6, max(map(len, WORDS)) + 1, 64)
    assert spy.rows["text"].sum() == sum(map(len, WORDS))
    assert list(spy.rows) == ["text"]
    assert all(gradient.abs().sum() > 0 for gradient in spy.gradients)


@pytest.mark.parametrize("attack", [FGSM(), PGD(steps=2)])
@pytest.mark.parametrize("modalities", [("image",), ("text",), ("image", "text")])
def test_the_moved_inputs_have_a_larger_loss_than_the_clean_ones(attack, modalities):
    model = model_of(dropout=0.0)
    step = step_of(model)
    losses = Adversarial(Retrieval(InfoNCE(), InBatch()).criterion, attack, modalities)(step)
    assert losses["adversarial"] > step.health["clean_loss"]
    assert step.health["adversarial_loss"] == losses["adversarial"]
    assert step.health["score_drop"] > 0
    assert {f"perturbation_{m}" for m in modalities} == {n for n in step.health if n.startswith("perturbation_")}
    if modalities == ("image",) and isinstance(attack, FGSM):
        assert step.health["perturbation_image"] == pytest.approx(0.03, abs=1e-6)
    if "text" in modalities and isinstance(attack, FGSM):
        assert step.health["perturbation_text"] == pytest.approx(0.1, abs=1e-5)


def test_a_joint_attack_is_worse_than_either():
    model = model_of(dropout=0.0)
    losses = {}
    for modalities in (("image",), ("text",), ("image", "text")):
        objective = Adversarial(Retrieval(InfoNCE(), InBatch()).criterion, FGSM(), modalities)
        losses[modalities] = objective(step_of(model))["adversarial"]
    assert losses["image", "text"] > max(losses["image",], losses["text",])


def test_building_the_loss_touches_no_gradient_and_its_backward_reaches_both_sides():
    model = model_of()
    retrieval = Retrieval(InfoNCE(), InBatch())
    for parameter in model.parameters():
        parameter.grad = torch.full_like(parameter, 3.0)
    losses = Adversarial(retrieval.criterion, PGD(steps=2), ["image"])(step_of(model))
    assert all((parameter.grad == 3).all() for parameter in model.parameters())
    assert retrieval.loss.log_scale.grad is None
    losses["adversarial"].backward()
    for modality in ("text", "image"):
        assert any((p.grad != 3).any() for p in model.encoders[modality].parameters()), modality
    assert retrieval.loss.log_scale.grad is not None


def test_the_gradient_is_that_of_the_moved_inputs_taken_as_given():
    model = model_of(dropout=0.0)
    retrieval = Retrieval(InfoNCE(), InBatch())
    step = step_of(model)
    Adversarial(retrieval.criterion, FGSM(), ["image"])(step)["adversarial"].backward()
    twin = copy.deepcopy(model).eval()
    twin.zero_grad()
    pixels = (step.batch.inputs["image"]["pixels"].float() / 255).requires_grad_()

    def loss_at(pixels):
        encoded = {
            "text": twin.encode("text", step.batch.inputs["text"]),
            "image": twin.encode("image", {"pixels": pixels}),
        }
        return retrieval.criterion(Step(twin, step.batch, encoded))

    (gradient,) = torch.autograd.grad(loss_at(pixels), pixels)
    worst = (pixels + 0.03 * gradient.sign()).clamp(0, 1).detach()
    loss_at(worst).backward()
    for (name, one), other in zip(model.named_parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, atol=1e-5, rtol=1e-4, msg=name)


def test_both_losses_have_weights_of_their_own():
    def total(weight, clean_weight):
        model = model_of(dropout=0.0)
        retrieval = Retrieval(InfoNCE(), InBatch(), weight=clean_weight)
        step = step_of(model)
        parts = {**retrieval(step), **Adversarial(retrieval.criterion, FGSM(), ["image"], weight)(step)}
        return parts, step.health

    one, health = total(1.0, 1.0)
    other, same = total(0.25, 3.0)
    torch.testing.assert_close(other["adversarial"], 0.25 * one["adversarial"])
    torch.testing.assert_close(other["retrieval"], 3 * one["retrieval"])
    assert {n: float(v) for n, v in health.items()} == pytest.approx({n: float(v) for n, v in same.items()})
    none, _ = total(1.0, 0.0)
    assert none["retrieval"] == 0
    assert not none["retrieval"].requires_grad, "a loss that does not count must not be differentiated"


def test_stored_vectors_of_a_frozen_encoder_are_attacked_as_they_are():
    model = model_of(dropout=0.0)
    step = step_of(model)
    vectors = torch.randn(6, 64)
    step.batch.inputs["image"] = {"vector": vectors}
    step.encoded["image"] = model.encode("image", {"vector": vectors})
    losses = Adversarial(Retrieval(InfoNCE(), InBatch()).criterion, FGSM(epsilon_relative=0.2), ["image"])(step)
    assert losses["adversarial"] > step.health["clean_loss"]
    assert step.health["perturbation_image"] == pytest.approx(0.2, abs=1e-5)


LOSSES = sorted(p.stem for p in (Path(__file__).parents[2] / "conf/loss").glob("*.yaml"))


@pytest.mark.parametrize("option", LOSSES)
def test_goes_with_every_loss_beside_the_clean_one(option):
    config = yaml.safe_load((Path(__file__).parents[2] / f"conf/loss/{option}.yaml").read_text())
    module, _, name = config.pop("_target_").rpartition(".")
    model = model_of()
    retrieval = Retrieval(getattr(importlib.import_module(module), name)(**config), InBatch())
    step = step_of(model)
    parts = {**retrieval(step), **Adversarial(retrieval.criterion, FGSM(), ["image", "text"])(step)}
    torch.stack(list(parts.values())).sum().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_the_first_pairs_alone_are_attacked_and_are_each_others_negatives():
    model = model_of(dropout=0.0)
    step = step_of(model)
    spy = Spy(model)
    objective = Adversarial(Retrieval(InfoNCE(), InBatch()).criterion, spy, ["image"], share=0.45)
    loss = objective(step)["adversarial"]
    assert len(spy.points["image"]) == 3  # of 6 pairs, rounded up
    logits = (step.encoded["text"].vector[:3] @ step.encoded["image"].vector[:3].T) / 0.07
    right = torch.arange(3)
    expected = (nn.functional.cross_entropy(logits, right) + nn.functional.cross_entropy(logits.T, right)) / 2
    torch.testing.assert_close(loss, expected)


def test_rejects_arguments_out_of_range():
    with pytest.raises(ValueError, match="weight must be positive"):
        Adversarial(len, FGSM(), ["image"], weight=0.0)
    with pytest.raises(ValueError, match="each once"):
        Adversarial(len, FGSM(), [])
    with pytest.raises(ValueError, match="each once"):
        Adversarial(len, FGSM(), ["image", "image"])
    for share in (0.0, 1.1):
        with pytest.raises(ValueError, match=r"share must be in \(0, 1\]"):
            Adversarial(len, FGSM(), ["image"], share=share)
    with pytest.raises(ValueError, match="at least 0"):
        Retrieval(InfoNCE(), InBatch(), weight=-1.0)
