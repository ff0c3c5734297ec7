"""Scores by scores: the student ranks the targets of a batch as its teacher does."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from xret.distillation._pairs import modality_pairs, paired, weighted_mean, weights


class Logits(nn.Module):
    """Divergence of the student's distribution over the targets of a batch from the teacher's, in every direction.

    For a query i and the cosines s_ij of the student and t_ij of the teacher, at temperatures T_s and T_t:

        p_i = softmax over j of t_ij / T_t,  q_i = softmax over j of s_ij / T_s,  loss_i = T_s T_t KL(p_i || q_i)

    The factor keeps gradients of one size whatever the temperature. The other pairs of a query's own group are left out
    of both distributions: they are right answers, and neither teacher nor student shall say which is better.

    Source: Hinton et al. 2015, https://arxiv.org/abs/1503.02531 (sec. 2), on in-batch scores as in CLIP-KD, Yang et al.
    2024, https://arxiv.org/abs/2307.12732 (sec. 3.2, CRD), which takes the temperatures the two models learned.

    Args:
        temperature: T_t, cosine scores divided by it become logits.
        student_temperature: T_s; null: the same.

    Raises:
        ValueError: a temperature is not positive.
    """

    def __init__(self, temperature: float = 0.1, student_temperature: float | None = None) -> None:
        super().__init__()
        student_temperature = temperature if student_temperature is None else student_temperature
        if not (temperature > 0 and student_temperature > 0):
            raise ValueError(f"temperatures must be positive, got {temperature} and {student_temperature}")
        self.temperature, self.student_temperature = temperature, student_temperature

    def forward(
        self,
        student: Mapping[str, Tensor],
        teacher: Mapping[str, Tensor],
        positives: Tensor,
        weight: Tensor | None = None,
    ) -> Tensor:
        """Return the mean over queries and directions, in nats times T^2; see `xret.distillation`.

        Raises:
            ValueError: there is one modality.
        """
        both = paired(student, teacher)
        own = torch.eye(len(positives), dtype=torch.bool, device=positives.device)
        hidden = positives & ~own
        means = []
        for query, target in modality_pairs(both, "across"):
            mine = both[query][0] @ both[target][0].T / self.student_temperature
            theirs = both[query][1] @ both[target][1].T / self.temperature
            q, p = (scores.masked_fill(hidden, -torch.inf).log_softmax(dim=1) for scores in (mine, theirs))
            divergence = (p.exp() * (p - q).masked_fill(hidden, 0)).sum(dim=1)
            means.append(weighted_mean(divergence, weights(weight, mine)))
        if not means:
            raise ValueError(f"distillation=logits needs two modalities, got {', '.join(both)}")
        return self.temperature * self.student_temperature * torch.stack(means).mean()
