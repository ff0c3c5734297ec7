"""DANN: one sign turns, once; its schedule covers the whole training; its accuracy tells how it stands."""

import math

import pytest
import torch

from xret.adaptation._adversary import Adversary, ramp, reverse
from xret.adaptation.dann import DANN


def domains(shift=1.0, counts=(32, 32), width=4, seed=0):
    generator = torch.Generator().manual_seed(seed)
    one, other = (torch.randn(count, width, generator=generator) for count in counts)
    return {"image": one}, {"image": other + shift}


def test_the_reversal_passes_on_and_comes_back_negative_and_scaled():
    x = torch.tensor([[1.0, -2.0]], requires_grad=True)
    y = reverse(x, 0.3)
    assert torch.equal(y, x)
    (y * torch.tensor([[2.0, 5.0]])).sum().backward()
    assert torch.allclose(x.grad, torch.tensor([[-0.6, -1.5]]))


@pytest.mark.parametrize(
    ("progress", "expected"), [(0.0, 0.0), (0.1, math.tanh(0.5)), (0.5, math.tanh(2.5)), (1.0, math.tanh(5))]
)
def test_lambda_rises_as_ganin_says(progress, expected):
    assert ramp(progress, 10.0) == pytest.approx(expected)  # 2 / (1 + exp(-2x)) - 1 = tanh(x)


def test_encoder_gets_minus_lambda_times_the_gradient_that_the_classifier_descends():
    torch.manual_seed(0)
    dann = DANN(in_dim=4, hidden=8, strength=0.5)
    source, target = domains()
    source["image"].requires_grad_()
    dann(source, target, progress=0.2).loss.backward()
    plain = source["image"].detach().clone().requires_grad_()
    logits = [dann.adversaries["image"].classifier(v * 2.0) for v in (plain, target["image"])]  # 2 = sqrt(4)
    truths = [torch.zeros(32, dtype=torch.long), torch.ones(32, dtype=torch.long)]
    loss = sum(torch.nn.functional.cross_entropy(x, t) for x, t in zip(logits, truths, strict=True)) / 2
    weights = list(dann.adversaries["image"].parameters())
    gradients = torch.autograd.grad(loss, [plain, *weights])
    strength = 0.5 * math.tanh(10 * 0.2 / 2)
    assert torch.allclose(source["image"].grad, -strength * gradients[0], atol=1e-7)
    for weight, gradient in zip(weights, gradients[1:], strict=True):
        assert torch.allclose(weight.grad, gradient, atol=1e-7)


def test_at_the_beginning_the_encoder_is_left_alone():
    source, target = domains()
    source["image"].requires_grad_()
    result = DANN(in_dim=4)(source, target, progress=0.0)
    result.loss.backward()
    assert not source["image"].grad.any()
    assert result.health["domain_lambda"] == 0


def test_training_makes_domains_look_alike_and_accuracy_falls_to_a_half():
    torch.manual_seed(0)
    shift = torch.zeros(4, requires_grad=True)  # the encoder: it may move the target
    dann = DANN(in_dim=4, hidden=16)
    optimizer = torch.optim.Adam([{"params": [shift], "lr": 0.02}, {"params": dann.parameters(), "lr": 0.01}])
    accuracies = []
    for step in range(300):
        source, target = domains(shift=2.0, counts=(128, 96), seed=step)
        result = dann(source, {"image": target["image"] + shift}, progress=step / 300)
        accuracies.append(result.health["domain_accuracy"].item())
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
    assert max(accuracies[:50]) > 0.9
    assert sum(accuracies[-50:]) / 50 < 0.6
    assert torch.allclose(shift, torch.full((4,), -2.0), atol=0.6)


def test_domains_weigh_alike_whatever_their_sizes():
    torch.manual_seed(0)
    adversary = Adversary(4, 2, 8)
    source, target = domains(counts=(8, 5))
    once = adversary([source["image"], target["image"]], 1.0)
    often = adversary([source["image"].repeat(7, 1), target["image"]], 1.0)
    for a, b in zip(once, often, strict=True):
        assert a.item() == pytest.approx(b.item(), abs=1e-6)


def test_an_empty_domain_counts_as_guessed():
    adversary = Adversary(4, 2, 8)
    loss, accuracy = adversary([torch.zeros(0, 4), torch.zeros(0, 4)], 1.0)
    assert loss.item() == pytest.approx(math.log(2))
    assert accuracy == 0.5


def test_it_has_no_state_of_its_own_that_a_resume_could_lose():
    dann = DANN(in_dim=4)
    assert set(dann.state_dict()) == {n for n, _ in dann.named_parameters()}
    source, target = domains()
    for _ in range(3):  # lambda is a function of progress and of nothing else
        assert dann(source, target, 0.25).health["domain_lambda"].item() == pytest.approx(math.tanh(1.25))


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"weight": -1.0}, "weight must be above 0"),
        ({"gamma": 0}, "gamma > 0"),
        ({"strength": 1.5}, "strength <= 1"),
        ({"hidden": 0}, "hidden must be above 0"),
        ({"in_dim": None}, "in_dim"),
        ({"modalities": []}, "modalities must be a list"),
    ],
)
def test_it_refuses_what_makes_no_sense(wrong, match):
    with pytest.raises(ValueError, match=match):
        DANN(**{"in_dim": 4, **wrong})
