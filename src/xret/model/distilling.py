"""The objective of distillation: a student's vectors against those its teacher gave for the same pairs."""

from itertools import permutations

import torch
from torch import Tensor, nn

from xret._errors import UserError
from xret.model.step import Step

NAME = "teacher"


class Distilling(nn.Module):
    """A method of `xret.distillation`, fed with the teacher's vectors that come with each batch.

    They are read from ``step.batch.extra["teacher"]``: modality -> {"vector": (B, E)}, unit vectors. Where the batch is
    that of several processes, each brings its own and they are gathered here.

    Args:
        method: ``method(student, teacher, positives, weight) -> scalar``, see `xret.distillation`.
        weight: factor of what the method gives, above 0.
        fingerprint: hex digits that name the teacher; a checkpoint that was made with another one is refused.

    Raises:
        ValueError: weight is not above 0.
    """

    fingerprint: Tensor

    def __init__(self, method: nn.Module, weight: float, fingerprint: str) -> None:
        super().__init__()
        if not weight > 0:
            raise ValueError(f"weight must be above 0, got {weight}; distillation=none switches it off")
        self.method = method
        self.weight = weight
        digest = torch.tensor([*bytes.fromhex(fingerprint)], dtype=torch.uint8)
        self.register_buffer("fingerprint", digest)
        self.register_load_state_dict_pre_hook(_same_teacher)  # type: ignore[no-untyped-call]

    def forward(self, step: Step) -> dict[str, Tensor]:
        """Return ``{"distillation": ()}``; health gets how often student and teacher agree on the best target."""
        batch = step.batch
        teacher = {m: _everywhere(inputs["vector"], len(batch)) for m, inputs in batch.extra[NAME].items()}
        student = {m: step.encoded[m].vector for m in teacher}
        positives = batch.group[:, None] == batch.group[None, :]
        with torch.autocast(positives.device.type, enabled=False):
            value = self.method(student, teacher, positives, batch.weight)
            step.health["teacher_agreement"] = agreement(student, teacher)
        return {"distillation": self.weight * value}


@torch.no_grad()
def agreement(student: dict[str, Tensor], teacher: dict[str, Tensor]) -> Tensor:
    """Return the share of queries whose best target in the batch is the teacher's, over all directions.

    Args:
        student: modality -> (B, D).
        teacher: modality -> (B, E).
    """
    same = []
    for query, target in permutations(teacher, 2):
        mine, theirs = ((v[query].float() @ v[target].float().T).argmax(dim=1) for v in (student, teacher))
        same.append((mine == theirs).float().mean())
    return torch.stack(same).mean()


def _everywhere(vector: Tensor, count: int) -> Tensor:
    """Return the vectors of all processes where the batch holds their pairs; every process brings as many."""
    if len(vector) == count:
        return vector
    parts = [torch.empty_like(vector) for _ in range(torch.distributed.get_world_size())]
    torch.distributed.all_gather(parts, vector.contiguous())
    return torch.cat(parts)


def _same_teacher(module: nn.Module, state: dict[str, Tensor], prefix: str, *_: object) -> None:
    """Raise UserError where a checkpoint was made with another teacher."""
    then = state.get(f"{prefix}fingerprint")
    now = module.get_buffer("fingerprint")
    if then is not None and not torch.equal(then.cpu(), now.cpu()):
        raise UserError("the teacher's weights have changed since this run began; a resumed run needs the same teacher")
