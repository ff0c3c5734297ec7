"""PGD against a plain loop, and within its bounds wherever it starts."""

import pytest
import torch

from xret.attack.fgsm import FGSM
from xret.attack.pgd import PGD


def curved(target):
    return lambda at: (at["x"] - target).pow(3).sum()


def test_follows_the_plain_loop_on_pixels():
    torch.manual_seed(0)
    clean, target = torch.rand(3, 2, 4), torch.rand(3, 2, 4)
    moved = PGD(epsilon=0.1, steps=5, step_share=0.4, random_start=False)(curved(target), {"x": clean}, {})["x"]
    x = clean.clone()
    for _ in range(5):
        gradient = 3 * (x - target) ** 2
        x = x + 0.04 * gradient.sign()
        x = torch.minimum(torch.maximum(x, clean - 0.1), clean + 0.1).clamp(0, 1)
    torch.testing.assert_close(moved, x)


def test_follows_the_plain_loop_on_vectors():
    torch.manual_seed(0)
    clean, target = torch.randn(2, 3, 4), torch.randn(2, 3, 4)
    rows = torch.ones(2, 3, dtype=torch.bool)
    attack = PGD(epsilon_relative=0.2, steps=4, step_share=0.5, random_start=False)
    moved = attack(curved(target), {"x": clean}, {"x": rows})["x"]
    for b in range(2):
        for r in range(3):
            origin, x = clean[b, r], clean[b, r].clone()
            radius = 0.2 * origin.norm()
            for _ in range(4):
                gradient = 3 * (x - target[b, r]) ** 2
                x = x + 0.5 * radius * gradient / gradient.norm()
                if (x - origin).norm() > radius:
                    x = origin + (x - origin) * radius / (x - origin).norm()
            torch.testing.assert_close(moved[b, r], x)


def test_one_whole_step_from_the_input_is_fgsm():
    torch.manual_seed(0)
    clean, target = torch.rand(3, 7), torch.rand(3, 7)
    pgd = PGD(steps=1, step_share=1.0, random_start=False)(curved(target), {"x": clean}, {})["x"]
    assert torch.equal(pgd, FGSM()(curved(target), {"x": clean}, {})["x"])


def test_finds_a_worse_point_than_fgsm_where_the_loss_is_bent():
    target = torch.full((1, 2), 0.52)
    clean = torch.full((1, 2), 0.50)

    def loss(at):  # largest a little beside the clean point, where one long step overshoots
        return -(at["x"] - target).pow(2).sum()

    pgd = PGD(epsilon=0.1, steps=20, step_share=0.1, random_start=False)(loss, {"x": clean}, {})
    assert loss(pgd) > loss(FGSM(epsilon=0.1)(loss, {"x": clean}, {}))


def test_a_random_start_is_spread_over_the_whole_bound():
    torch.manual_seed(0)
    flat = PGD(epsilon=0.1, epsilon_relative=0.5, steps=1)
    points = {"image": torch.full((4000, 2), 0.5), "x": torch.tensor([[3.0, 4.0]]).repeat(4000, 1)}
    rows = {"x": torch.ones(4000, dtype=torch.bool)}
    found = flat(lambda at: sum((0 * point).sum() for point in at.values()), points, rows)
    shift = found["image"] - 0.5
    assert shift.abs().max() <= 0.1 + 1e-6
    assert shift.std() == pytest.approx(0.2 / 12**0.5, rel=0.05)  # of a uniform distribution
    length = (found["x"] - points["x"]).norm(dim=1) / 2.5
    assert length.max() <= 1 + 1e-5
    assert (length < 0.5).float().mean() == pytest.approx(0.25, abs=0.03)  # a quarter of the disc
    assert (found["x"] - points["x"]).mean(dim=0).abs().max() < 0.1


def test_the_start_can_be_given():
    points = {"x": torch.full((2, 3), 0.5)}
    attack = PGD(epsilon=0.1, steps=1)
    found = attack(lambda at: (0 * at["x"]).sum(), points, {}, rand=lambda shape: torch.full(tuple(shape), 0.75))
    torch.testing.assert_close(found["x"], torch.full((2, 3), 0.55))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"epsilon": 0.0}, r"epsilon must be in \(0, 1\]"),
        ({"epsilon_relative": 2.0}, r"epsilon_relative must be in \(0, 1\]"),
        ({"steps": 0}, "steps must be at least 1"),
        ({"step_share": 0.0}, r"step_share must be in \(0, 2\]"),
        ({"step_share": 2.1}, r"step_share must be in \(0, 2\]"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        PGD(**arguments)
