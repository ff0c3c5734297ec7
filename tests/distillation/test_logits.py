"""Divergence of score rows against torch's own, and by hand."""

import math

import pytest
import torch
import torch.nn.functional as F

from xret.distillation.logits import Logits


def vectors(rows, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return {m: F.normalize(torch.randn(rows, width, generator=generator), dim=1) for m in ("text", "image")}


def test_is_torchs_divergence_from_teacher_to_student_in_both_directions():
    student, teacher = vectors(6, 4, 0), vectors(6, 9, 1)
    mine, theirs = student["text"] @ student["image"].T / 0.2, teacher["text"] @ teacher["image"].T / 0.1
    expected = sum(
        F.kl_div(s.log_softmax(1), t.softmax(1), reduction="batchmean") for s, t in ((mine, theirs), (mine.T, theirs.T))
    )
    value = Logits(temperature=0.1, student_temperature=0.2)(student, teacher, torch.eye(6, dtype=torch.bool))
    assert value.item() == pytest.approx(0.1 * 0.2 * expected.item() / 2, rel=1e-5)


def test_the_teacher_is_the_one_whose_distribution_weighs():
    """One query, two targets: teacher says 1/2 and 1/2, student says p and 1 - p."""
    sharp, flat = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[1.0, 0.0], [1.0, 0.0]])
    student, teacher = {"text": sharp, "image": sharp}, {"text": flat, "image": flat}
    p = 1 / (1 + math.exp(-1))
    expected = math.log(0.5) - 0.5 * (math.log(p) + math.log(1 - p))
    assert Logits(1.0)(student, teacher, torch.eye(2, dtype=torch.bool)).item() == pytest.approx(expected, rel=1e-5)


def test_gradients_keep_their_size_where_the_temperature_is_high():
    teacher = vectors(6, 4, 1)
    sizes = []
    for temperature in (10.0, 100.0):
        student = {m: v.requires_grad_() for m, v in vectors(6, 4, 0).items()}
        Logits(temperature)(student, teacher, torch.eye(6, dtype=torch.bool)).backward()
        sizes.append(student["text"].grad.norm())
    torch.testing.assert_close(sizes[0], sizes[1], rtol=0.05, atol=0)


def test_another_pair_of_the_group_has_no_say_and_no_gradient():
    student = {m: v.requires_grad_() for m, v in vectors(4, 4, 0).items()}
    teacher = vectors(4, 4, 1)
    group = torch.tensor([0, 0, 1, 2])
    positives = group[:, None] == group
    weight = torch.tensor([1.0, 0.0, 0.0, 0.0])  # only the first pair asks
    Logits()(student, teacher, positives, weight).backward()
    for modality in ("text", "image"):
        assert (student[modality].grad[1] == 0).all()
        assert (student[modality].grad[2] != 0).any()
    keep = [0, 2, 3]
    without = Logits()(
        {m: v[keep] for m, v in student.items()},
        {m: v[keep] for m, v in teacher.items()},
        torch.eye(3, dtype=torch.bool),
        weight[keep],
    )
    torch.testing.assert_close(Logits()(student, teacher, positives, weight), without)


def test_refuses_what_cannot_be():
    for arguments in ((0.0,), (0.1, -1.0)):
        with pytest.raises(ValueError, match="temperatures must be positive"):
            Logits(*arguments)
    one = {"text": torch.eye(3)}
    with pytest.raises(ValueError, match="needs two modalities, got text"):
        Logits()(one, one, torch.eye(3, dtype=torch.bool))
