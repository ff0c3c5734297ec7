"""The objective of distillation: the teacher's vectors of a batch, the right way round, and the same one on resume."""

import pytest
import torch
import torch.nn.functional as F

from xret._errors import UserError
from xret.data.batch import Batch
from xret.distillation.embedding import Embedding
from xret.encoder import Encoded
from xret.model.distilling import Distilling, agreement
from xret.model.dual_encoder import DualEncoder
from xret.model.step import Step

PRINT = "ab" * 32


class Spy(torch.nn.Module):
    """Keeps what it is called with."""

    def forward(self, student, teacher, positives, weight):
        self.seen = student, teacher, positives, weight
        return student["text"].sum() * 0 + 3


def step_of(student, teacher, groups):
    group = torch.tensor(groups)
    weight = torch.arange(len(group)) + 1.0
    extra = {"teacher": {m: {"vector": v} for m, v in teacher.items()}}
    batch = Batch({}, group, weight, torch.zeros_like(group), torch.arange(len(group)), extra)
    return Step(DualEncoder({}, {}), batch, {m: Encoded(v) for m, v in student.items()})


def vectors(rows, width):
    return {m: F.normalize(torch.randn(rows, width), dim=1) for m in ("text", "image")}


def test_the_method_gets_student_teacher_positives_and_weights_and_its_value_is_scaled():
    student, teacher, spy = vectors(3, 4), vectors(3, 6), Spy()
    step = step_of(student, teacher, [5, 7, 5])
    assert Distilling(spy, 0.5, PRINT)(step) == {"distillation": torch.tensor(1.5)}
    assert spy.seen[0]["image"] is student["image"]
    assert spy.seen[1]["image"] is teacher["image"]
    assert spy.seen[2].tolist() == [[True, False, True], [False, True, False], [True, False, True]]
    assert spy.seen[3].tolist() == [1, 2, 3]


def test_agreement_is_the_share_of_queries_with_the_same_best_target():
    step = step_of(*[{"text": torch.eye(3), "image": torch.eye(3)}] * 2, range(3))
    Distilling(Embedding(3, 3), 1.0, PRINT)(step)
    assert step.health["teacher_agreement"] == 1
    turned = {"text": torch.eye(3), "image": torch.eye(3)[[1, 0, 2]]}
    straight = {"text": torch.eye(3), "image": torch.eye(3)}
    assert agreement(turned, straight).item() == pytest.approx(1 / 3)


def test_a_learned_map_is_trained_and_stored():
    objective = Distilling(Embedding(4, 6), 1.0, PRINT)
    assert [p.shape for p in objective.parameters()] == [(6, 4)]
    assert "method.projection.weight" in objective.state_dict()


def test_a_checkpoint_of_another_teacher_is_refused():
    state = Distilling(Spy(), 1.0, PRINT).state_dict()
    Distilling(Spy(), 1.0, PRINT).load_state_dict(state)
    with pytest.raises(UserError, match="the teacher's weights have changed"):
        Distilling(Spy(), 1.0, "cd" * 32).load_state_dict(state)


def test_refuses_a_weight_that_switches_it_off():
    with pytest.raises(ValueError, match="weight must be above 0"):
        Distilling(Spy(), 0.0, PRINT)


def test_where_the_batch_is_that_of_several_processes_each_brings_its_vectors(monkeypatch):
    def gathered(parts, mine):
        for number, part in enumerate(parts):
            part.copy_(mine + 10 * number)

    monkeypatch.setattr(torch.distributed, "get_world_size", lambda: 2)
    monkeypatch.setattr(torch.distributed, "all_gather", gathered)
    student, teacher, spy = vectors(4, 3), vectors(2, 5), Spy()
    Distilling(spy, 1.0, PRINT)(step_of(student, teacher, range(4)))
    assert torch.equal(spy.seen[1]["text"], torch.cat([teacher["text"], teacher["text"] + 10]))
