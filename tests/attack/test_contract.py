"""Every attack option keeps the contract of the package, and says in YAML what its constructor says."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
import yaml
from torch import nn

CONF = Path(__file__).parents[2] / "conf/attack"
OPTIONS = sorted(p.stem for p in CONF.glob("*.yaml") if p.stem != "none")


def settings(option):
    config = yaml.safe_load((CONF / f"{option}.yaml").read_text())
    module, _, name = config.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name), config


@pytest.fixture(params=OPTIONS)
def attack(request):
    kind, config = settings(request.param)
    return kind(**config)


def test_the_options_are_these():
    assert OPTIONS == ["fgsm", "pgd"]


@pytest.mark.parametrize("option", OPTIONS)
def test_option_shows_every_argument_with_its_default(option):
    kind, config = settings(option)
    defaults = {name: argument.default for name, argument in inspect.signature(kind).parameters.items()}
    assert config == defaults


def points_and_rows():
    torch.manual_seed(0)
    points = {"image": torch.rand(4, 3, 2, 2), "text": torch.randn(4, 5, 6)}
    return points, {"text": torch.rand(4, 5) < 0.7}


def loss_of(network):
    def loss(at):
        return network(at["image"].flatten(1)).pow(2).sum() + at["text"].pow(3).sum() * at["image"].mean()

    return loss


def test_moves_both_within_their_bounds_and_makes_the_loss_larger(attack):
    points, rows = points_and_rows()
    before = {name: point.clone() for name, point in points.items()}
    loss = loss_of(nn.Linear(12, 3))
    moved = attack(loss, points, rows)
    assert loss(moved) > loss(points)
    assert (moved["image"] - points["image"]).abs().max() <= attack.epsilon + 1e-6
    assert moved["image"].min() >= 0
    assert moved["image"].max() <= 1
    shift = (moved["text"] - points["text"]).norm(dim=-1)
    length = points["text"].norm(dim=-1)
    assert (shift <= attack.epsilon_relative * length * (1 + 1e-4)).all()
    assert (shift[rows["text"]] > 0).all()
    assert torch.equal(moved["text"][~rows["text"]], points["text"][~rows["text"]])
    for name, point in points.items():
        assert torch.equal(point, before[name]), "the input itself must stay"
        assert not point.requires_grad
        assert not moved[name].requires_grad


def test_leaves_the_gradients_of_parameters_alone(attack):
    points, rows = points_and_rows()
    network = nn.Linear(12, 3)
    network.bias.grad = torch.full((3,), 7.0)
    with torch.no_grad():  # an attack differentiates wherever it is called
        attack(loss_of(network), points, rows)
    assert network.weight.grad is None
    assert network.bias.grad.tolist() == [7.0, 7.0, 7.0]


def test_an_item_does_not_depend_on_its_batch(attack):
    points, rows = points_and_rows()
    network = nn.Linear(12, 3)

    def loss(at):
        return network(at["image"].flatten(1)).pow(2).sum() + at["text"].pow(3).sum()

    def rand(shape):
        return torch.full(tuple(shape), 0.3)

    together = attack(loss, points, rows, rand)
    for i in range(4):
        one = {name: point[i : i + 1] for name, point in points.items()}
        alone = attack(loss, one, {"text": rows["text"][i : i + 1]}, rand)
        for name, point in alone.items():
            torch.testing.assert_close(point[0], together[name][i])


def test_pixels_as_they_were_read_are_refused(attack):
    with pytest.raises(TypeError, match="divide uint8 pixels by 255"):
        attack(lambda at: at["image"].sum(), {"image": torch.zeros(1, 3, 2, 2, dtype=torch.uint8)}, {})


def test_rows_must_fit_their_vectors(attack):
    with pytest.raises(ValueError, match=r"rows of text must be \(4, 5\)"):
        attack(lambda at: at["text"].sum(), {"text": torch.randn(4, 5, 6)}, {"text": torch.ones(4, dtype=torch.bool)})
