"""Weights by running agreement, against hand values and the gradient they stand for."""

import math

import pytest
import torch

from xret.robust.soft import Soft


def rows(*numbers):
    return torch.tensor(numbers)


def test_the_first_weight_is_a_power_of_the_probability_of_the_pair():
    soft = Soft(5, power=0.5)
    weight = soft(rows(3, 1), torch.tensor([math.log(4), math.log(100)]))
    torch.testing.assert_close(weight, torch.tensor([0.5, 0.1]))
    assert soft.known.tolist() == [False, True, False, True, False]


def test_agreement_runs_with_momentum():
    soft = Soft(2, power=1.0, momentum=0.75)
    soft(rows(0), torch.tensor([math.log(2)]))  # 0.5
    weight = soft(rows(0), torch.tensor([math.log(10)]))  # 0.75 * 0.5 + 0.25 * 0.1
    torch.testing.assert_close(weight, torch.tensor([0.4]))


def test_without_memory_the_gradient_is_that_of_the_generalised_cross_entropy():
    loss = torch.tensor([0.3, 1.0, 4.0], requires_grad=True)
    weight = Soft(3, power=0.7, momentum=0.0)(rows(0, 1, 2), loss)
    assert not weight.requires_grad
    (weight * loss).sum().backward()
    ours, loss.grad = loss.grad, None
    ((1 - (-loss).exp() ** 0.7) / 0.7).sum().backward()
    torch.testing.assert_close(ours, loss.grad)


def test_power_zero_believes_every_pair():
    assert Soft(3, power=0.0)(rows(0, 2), torch.tensor([0.1, 9.0])).tolist() == [1.0, 1.0]


def test_a_verdict_before_training_is_where_agreement_begins():
    soft = Soft(3, power=1.0, momentum=0.5)
    assert soft.weight().tolist() == [1.0, 1.0, 1.0]
    soft.judge(rows(0, 1), torch.tensor([0.0, math.log(5)]))
    torch.testing.assert_close(soft.weight(), torch.tensor([1.0, 0.2, 0.6]))  # the third: the mean of the known
    assert soft.doubted().tolist() == [False, True, False]
    torch.testing.assert_close(soft(rows(1), torch.tensor([0.0])), torch.tensor([0.6]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"power": 1.5}, "power"),
        ({"momentum": 1.0}, "momentum"),
        ({"temperature": 0.0}, "temperature"),
        ({"start_rounds": -1}, "start_rounds"),
        ({"start_folds": 1}, "start_folds"),
        ({"rows": 0}, "rows"),
    ],
)
def test_rejects_arguments_outside_their_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Soft(**{"rows": 3, **arguments})
