"""What every method of conf/distillation promises."""

import importlib
import inspect
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from omegaconf import OmegaConf

OPTIONS = sorted(p for p in (Path(__file__).parents[2] / "conf/distillation").glob("*.yaml") if p.stem != "none")
every_method = pytest.mark.parametrize("option", OPTIONS, ids=lambda p: p.stem)
D, E = 5, 8


def arguments(option):
    config = OmegaConf.to_container(OmegaConf.load(option))
    module, _, name = config.pop("_target_").rpartition(".")
    assert OmegaConf.is_missing(OmegaConf.load(option), "teacher")
    assert config.pop("weight") > 0
    config.pop("teacher")
    return getattr(importlib.import_module(module), name), config


def build(option, student_dim=D, teacher_dim=E):
    kind, config = arguments(option)
    sizes = {"student_dim": student_dim, "teacher_dim": teacher_dim} if getattr(kind, "sized", False) else {}
    torch.manual_seed(3)
    return kind(**config, **sizes)


def vectors(rows, width, seed):
    generator = torch.Generator().manual_seed(seed)
    return {m: F.normalize(torch.randn(rows, width, generator=generator), dim=1) for m in ("text", "image")}


def leaves(found):
    return {m: v.clone().requires_grad_() for m, v in found.items()}


def test_the_glob_finds_the_options():
    assert {"embedding", "relation", "logits"} <= {p.stem for p in OPTIONS}


@every_method
def test_option_shows_every_argument_with_its_default(option):
    kind, config = arguments(option)
    parameters = inspect.signature(kind).parameters.values()
    assert config == {p.name: p.default for p in parameters if p.name not in ("student_dim", "teacher_dim")}


@every_method
@pytest.mark.parametrize(("student_dim", "teacher_dim"), [(5, 8), (8, 5), (6, 6)])
def test_the_student_learns_and_the_teacher_does_not(option, student_dim, teacher_dim):
    student, teacher = leaves(vectors(7, student_dim, 0)), leaves(vectors(7, teacher_dim, 1))
    value = build(option, student_dim, teacher_dim)(student, teacher, torch.eye(7, dtype=torch.bool))
    assert value.shape == ()
    assert value > 0
    value.backward()
    for modality in ("text", "image"):
        assert student[modality].grad.isfinite().all()
        assert student[modality].grad.abs().sum() > 0
        assert teacher[modality].grad is None


@every_method
def test_descent_brings_the_student_to_its_teacher(option):
    student, teacher = leaves(vectors(9, E, 0)), vectors(9, E, 1)
    method, positives = build(option, E, E), torch.eye(9, dtype=torch.bool)
    optimizer = torch.optim.Adam(student.values(), lr=0.02)
    first = None
    for _ in range(300):
        optimizer.zero_grad()
        value = method({m: F.normalize(v, dim=1) for m, v in student.items()}, teacher, positives)
        first = value.item() if first is None else first
        value.backward()
        optimizer.step()
    assert value.item() < 0.05 * first
    assert build(option, E, E)(teacher, teacher, positives).item() == pytest.approx(0, abs=1e-6)


@every_method
def test_order_of_the_batch_does_not_matter_and_the_unit_of_weights_neither(option):
    student, teacher, weight = vectors(6, D, 0), vectors(6, E, 1), torch.rand(6)
    group = torch.tensor([0, 0, 1, 2, 3, 3])
    order = torch.tensor([4, 0, 5, 2, 1, 3])
    method = build(option)
    expected = method(student, teacher, group[:, None] == group, weight)
    moved = ({m: v[order] for m, v in found.items()} for found in (student, teacher))
    torch.testing.assert_close(method(*moved, group[order][:, None] == group[order], 3 * weight[order]), expected)


@every_method
def test_half_precision_is_computed_in_float32(option):
    student, teacher = vectors(6, D, 0), vectors(6, E, 1)
    half = {m: v.half() for m, v in student.items()}
    method, positives = build(option), torch.eye(6, dtype=torch.bool)
    value = method(half, teacher, positives)
    assert value.dtype == torch.float32
    assert value.item() == method({m: v.float() for m, v in half.items()}, teacher, positives).item()


@every_method
def test_one_pair_pairs_without_weight_and_equal_vectors_stay_finite(option):
    one, theirs = leaves(vectors(1, D, 0)), vectors(1, E, 1)
    build(option)(one, theirs, torch.eye(1, dtype=torch.bool)).backward()
    assert all(v.grad.isfinite().all() for v in one.values())
    same = {m: torch.ones(4, D).div(D**0.5).requires_grad_() for m in ("text", "image")}
    method, positives = build(option), torch.eye(4, dtype=torch.bool)
    value = method(same, vectors(4, E, 1), positives)
    value.backward()
    assert value.isfinite()
    assert all(v.grad.isfinite().all() for v in same.values())
    nothing = method(leaves(vectors(4, D, 0)), vectors(4, E, 1), positives, torch.zeros(4))
    nothing.backward()
    assert nothing == 0


@every_method
def test_refuses_other_pairs_and_other_modalities(option):
    student, teacher = vectors(4, D, 0), vectors(4, E, 1)
    with pytest.raises(ValueError, match="must hold the same pairs, got 4 and 3 text vectors"):
        build(option)(student, {m: v[:3] for m, v in teacher.items()}, torch.eye(4, dtype=torch.bool))
    with pytest.raises(ValueError, match="must have the same modalities"):
        build(option)(student, {"text": teacher["text"]}, torch.eye(4, dtype=torch.bool))
