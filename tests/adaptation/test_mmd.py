"""MMD: nothing between samples of one distribution, more the further they are apart, and what a plain loop says."""

import math

import pytest
import torch

from xret.adaptation.mmd import MMD


def sample(count, seed, shift=0.0, width=8):
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) + shift


def slowly(one, other, bandwidths, unbiased, floor):
    """The definition, pair by pair, in float64."""
    vectors = [v.double() for v in (*one, *other)]
    apart = sorted((a - b).norm().item() for i, a in enumerate(vectors) for b in vectors[:i])
    median = apart[(len(apart) - 1) // 2]

    def kernel(x, y):
        distance = (x.double() - y.double()).norm().item()
        widths = [max(b * median, floor) for b in bandwidths]
        return sum(math.exp(-(distance**2) / (2 * w**2)) for w in widths) / len(widths)

    def within(points):
        pairs = [(i, j) for i in range(len(points)) for j in range(len(points)) if i != j or not unbiased]
        return sum(kernel(points[i], points[j]) for i, j in pairs) / len(pairs)

    between = sum(kernel(x, y) for x in one for y in other) / (len(one) * len(other))
    return within(one) + within(other) - 2 * between


@pytest.mark.parametrize("unbiased", [True, False])
@pytest.mark.parametrize("counts", [(7, 7), (5, 9), (2, 2)])
def test_it_is_what_a_loop_over_pairs_gives(unbiased, counts):
    one, other = sample(counts[0], 0), sample(counts[1], 1, shift=0.7)
    mmd = MMD(bandwidths=(0.5, 1.0, 3.0), unbiased=unbiased)
    slow = slowly(one, other, (0.5, 1.0, 3.0), unbiased, 1e-3)
    assert mmd.squared(one, other).item() == pytest.approx(slow, abs=1e-5)


def test_it_is_nothing_on_one_distribution_within_two_standard_errors():
    values = torch.stack([MMD().squared(sample(48, 2 * s), sample(40, 2 * s + 1)) for s in range(200)])
    assert abs(values.mean()) <= 2 * values.std() / math.sqrt(len(values))
    assert (values < 0).any()  # the unbiased estimate falls to both sides


def test_the_biased_estimate_is_never_negative():
    assert all(MMD(unbiased=False).squared(sample(6, s), sample(9, s + 99)) >= 0 for s in range(50))


def test_it_grows_with_the_shift():
    values = [MMD().squared(sample(64, 0), sample(64, 1, shift)).item() for shift in (0.0, 0.25, 0.5, 1.0, 2.0)]
    assert values == sorted(values)
    assert values[-1] > 20 * max(values[0], 0.005)


def test_it_sees_a_spread_that_differs_where_the_means_do_not():
    assert MMD().squared(sample(200, 0), 2 * sample(200, 1)) > 0.02


def test_its_gradient_pulls_the_samples_together():
    one, other = sample(32, 0), sample(48, 1, shift=1.0).requires_grad_()
    before = MMD().squared(one, other)
    (gradient,) = torch.autograd.grad(before, other)
    assert (gradient.mean(dim=0) > 0).all()  # going down moves the other sample back
    assert MMD().squared(one, (other - gradient * 100).detach()) < before


def test_the_kernel_width_follows_the_data_and_gets_no_gradient():
    one, other = sample(20, 0), sample(20, 1, shift=1.0)
    assert MMD().squared(one, other).item() == pytest.approx(MMD().squared(50 * one, 50 * other).item(), abs=1e-5)
    x = other.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(MMD().squared(one, x), x)
    # with a median in the graph the loss would not depend on the scale at all: d/ds mmd(s one, s x) = 0 at s = 1
    y = one.clone().requires_grad_()
    (rest,) = torch.autograd.grad(MMD().squared(y, other), y)
    assert abs((gradient * other).sum() + (rest * one).sum()) > 1e-3


def test_equal_vectors_give_zero_and_a_finite_gradient():
    one = torch.ones(4, 3, requires_grad=True)
    value = MMD().squared(one, torch.ones(5, 3))
    (gradient,) = torch.autograd.grad(value, one)
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert gradient.isfinite().all()


@pytest.mark.parametrize(("counts", "unbiased"), [((1, 5), True), ((0, 5), False)])
def test_too_few_to_estimate_from_is_zero_with_a_gradient(counts, unbiased):
    one = sample(counts[0], 0).requires_grad_()
    value = MMD(unbiased=unbiased).squared(one, sample(counts[1], 1))
    value.backward()
    assert value == 0
    assert one.grad is not None


def test_modalities_are_averaged():
    source = {"image": sample(9, 0), "text": sample(9, 1)}
    target = {"image": sample(7, 2, 1.0), "text": sample(5, 3, 2.0)}
    both = MMD(modalities=["image", "text"])(source, target, 0.5).loss
    parts = [MMD(modalities=[m])(source, target, 0.5).loss for m in ("image", "text")]
    assert both.item() == pytest.approx(sum(parts).item() / 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"weight": 0},
        {"weight": -1},
        {"modalities": []},
        {"modalities": "image"},
        {"modalities": ["image", "image"]},
        {"bandwidths": []},
        {"bandwidths": [1.0, 0.0]},
        {"min_bandwidth": 0},
    ],
)
def test_it_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        MMD(**wrong)
