"""Distances of vectors by hand."""

import math

import pytest
import torch

from xret.distillation.embedding import Embedding

NONE = torch.eye(2, dtype=torch.bool)


def angles(*degrees):
    a = torch.tensor(degrees, dtype=torch.float64).deg2rad()
    return torch.stack([a.cos(), a.sin()], dim=1).float()


def test_hand_values_of_cosine_and_square():
    student, teacher = {"text": angles(0, 90)}, {"text": angles(60, 90)}
    assert Embedding(2, 2)(student, teacher, NONE).item() == pytest.approx((0.5 + 0) / 2, abs=1e-6)
    square = Embedding(2, 2, measure="mse")(student, teacher, NONE)
    assert square.item() == pytest.approx((2 - 2 * 0.5) / 2, abs=1e-6)


def test_a_pair_counts_by_its_weight_and_modalities_count_alike():
    student = {"text": angles(0, 0), "image": angles(0, 0)}
    teacher = {"text": angles(60, 90), "image": angles(0, 0)}
    value = Embedding(2, 2)(student, teacher, NONE, torch.tensor([3.0, 1.0]))
    assert value.item() == pytest.approx(((3 * 0.5 + 1) / 4 + 0) / 2, abs=1e-6)


def test_the_map_goes_from_student_to_teacher_and_serves_all_modalities():
    method = Embedding(2, 3)
    assert method.projection.weight.shape == (3, 2)
    with torch.no_grad():
        method.projection.weight.copy_(torch.tensor([[2.0, 0.0], [0.0, 2.0], [0.0, 0.0]]))
    student = {"text": angles(30, 10), "image": angles(70, 20)}
    teacher = {m: torch.cat([v, torch.zeros(2, 1)], dim=1) for m, v in student.items()}
    assert method(student, teacher, NONE).item() == pytest.approx(0, abs=1e-6)  # a cosine knows no length
    mse = Embedding(2, 3, measure="mse")
    mse.load_state_dict(method.state_dict())
    assert mse(student, teacher, NONE).item() == pytest.approx(1, abs=1e-6)  # |2t - t|^2


@pytest.mark.parametrize(
    ("sizes", "projection", "count"),
    [((4, 4), "auto", 0), ((4, 4), "always", 16), ((4, 6), "auto", 24), ((4, 4), "never", 0)],
)
def test_the_map_is_there_when_it_is_needed_or_asked_for(sizes, projection, count):
    assert sum(p.numel() for p in Embedding(*sizes, projection=projection).parameters()) == count


def test_refuses_what_cannot_be():
    with pytest.raises(ValueError, match="got 4 of the student and 6 of the teacher"):
        Embedding(4, 6, projection="never")
    with pytest.raises(ValueError, match="measure must be cosine or mse"):
        Embedding(4, 4, measure="l1")
    with pytest.raises(ValueError, match="projection must be auto, always or never"):
        Embedding(4, 4, projection="yes")
    assert math.isfinite(Embedding(4, 6)({"text": torch.ones(2, 4)}, {"text": torch.ones(2, 6)}, NONE).item())
