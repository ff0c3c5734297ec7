"""CORAL against numpy's covariance, and blind to what it should not see."""

import numpy as np
import pytest
import torch

from xret.adaptation.coral import CORAL


def sample(count, seed, width=6):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("counts", [(12, 12), (9, 15)])
def test_it_is_the_formula_of_the_paper_on_vectors_times_root_d(counts):
    one, other = sample(counts[0], 0), 2 * sample(counts[1], 1)
    covariances = [np.cov(np.sqrt(6) * v.double().numpy(), rowvar=False) for v in (one, other)]
    expected = np.sum((covariances[0] - covariances[1]) ** 2) / (4 * 6**2)
    assert CORAL(means=False).distance(one, other).item() == pytest.approx(expected, rel=1e-5)


def test_a_shift_is_seen_through_the_means_alone():
    one = sample(30, 0)
    assert CORAL(means=False).distance(one, one + 3).item() == pytest.approx(0, abs=1e-5)
    assert CORAL(means=True).distance(one, one + 3).item() == pytest.approx(6 * 9, rel=1e-5)


def test_its_gradient_brings_covariances_together():
    one, other = sample(40, 0), (3 * sample(50, 1)).requires_grad_()
    value = CORAL().distance(one, other)
    (gradient,) = torch.autograd.grad(value, other)
    assert CORAL().distance(one, (other - 0.1 * gradient).detach()) < value


@pytest.mark.parametrize("count", [0, 1])
def test_a_sample_without_covariance_gives_zero_with_a_gradient(count):
    one = sample(count, 0).requires_grad_()
    value = CORAL().distance(one, sample(5, 1))
    value.backward()
    assert value == 0
    assert one.grad is not None


@pytest.mark.parametrize("wrong", [{"weight": 0}, {"modalities": "image"}, {"modalities": []}])
def test_it_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        CORAL(**wrong)
