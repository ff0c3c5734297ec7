"""FGSM on losses whose gradient is known by hand."""

import pytest
import torch

from xret.attack.fgsm import FGSM


def test_a_pixel_moves_by_epsilon_along_the_sign_of_its_gradient():
    pixels = torch.tensor([[0.5, 0.5, 0.5]])
    slope = torch.tensor([[2.0, -0.1, 0.0]])
    moved = FGSM(epsilon=0.03)(lambda at: (at["image"] * slope).sum(), {"image": pixels}, {})["image"]
    torch.testing.assert_close(moved, torch.tensor([[0.53, 0.47, 0.5]]))


def test_a_pixel_stays_a_pixel():
    pixels = torch.tensor([[0.99, 0.01]])
    slope = torch.tensor([[1.0, -1.0]])
    moved = FGSM(epsilon=0.03)(lambda at: (at["image"] * slope).sum(), {"image": pixels}, {})["image"]
    assert moved.tolist() == [[1.0, 0.0]]


def test_a_vector_moves_along_its_gradient_by_a_share_of_its_length():
    words = torch.tensor([[[3.0, 4.0], [0.0, 2.0]]])
    slope = torch.tensor([[[0.0, 5.0], [-3.0, 4.0]]])
    rows = torch.ones(1, 2, dtype=torch.bool)
    moved = FGSM(epsilon_relative=0.1)(lambda at: (at["text"] * slope).sum(), {"text": words}, {"text": rows})["text"]
    torch.testing.assert_close(moved, torch.tensor([[[3.0, 4.5], [-0.12, 2.16]]]))


def test_for_a_linear_loss_no_point_within_the_bound_is_worse():
    torch.manual_seed(0)
    points = {"image": torch.rand(2, 5), "text": torch.randn(2, 3, 4)}
    rows = {"text": torch.ones(2, 3, dtype=torch.bool)}
    slopes = {name: torch.randn_like(point) for name, point in points.items()}

    def loss(at):
        return sum((at[name] * slopes[name]).sum() for name in at)

    worst = loss(FGSM(0.1, 0.2)(loss, points, rows))
    for _ in range(200):
        step = torch.randn(2, 3, 4)
        length = 0.2 * points["text"].norm(dim=-1, keepdim=True) / step.norm(dim=-1, keepdim=True)
        other = {
            "image": (points["image"] + 0.1 * (2 * torch.rand(2, 5) - 1)).clamp(0, 1),
            "text": points["text"] + step * length,
        }
        assert loss(other) <= worst


def test_a_gradient_too_small_to_be_squared_still_gives_a_full_step():
    vectors = torch.tensor([[3.0, 4.0]])
    slope = torch.tensor([[3e-30, -4e-30]])
    moved = FGSM(epsilon_relative=0.1)(
        lambda at: (at["x"] * slope).sum(), {"x": vectors}, {"x": torch.ones(1, dtype=torch.bool)}
    )["x"]
    torch.testing.assert_close(moved, torch.tensor([[3.3, 3.6]]))


@pytest.mark.parametrize("epsilon", [0.0, -0.1, 1.5])
def test_rejects_a_bound_outside_the_range_of_a_pixel(epsilon):
    with pytest.raises(ValueError, match=r"epsilon must be in \(0, 1\]"):
        FGSM(epsilon=epsilon)
    with pytest.raises(ValueError, match=r"epsilon_relative must be in \(0, 1\]"):
        FGSM(epsilon_relative=epsilon)
