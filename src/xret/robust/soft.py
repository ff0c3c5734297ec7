"""Soft positives: a pair counts as much as the model has come to agree with it."""

import torch
from torch import Tensor, nn

from xret.robust._checks import check_common


class Soft(nn.Module):
    """Weigh each pair by a power of its running agreement.

    The agreement of a pair is the probability that the softmax over its batch gives it, exp(-loss), averaged over
    epochs:

        a <- momentum * a + (1 - momentum) * exp(-loss)        weight = a ** power

    With no memory this is the gradient of the generalised cross-entropy (1 - p^q) / q, which is that of the
    cross-entropy times p^q: between cross-entropy (power 0) and the mean absolute error (power 1), which is robust but
    learns slowly. The memory is that of temporal ensembling. At a random start all pairs agree alike and weigh alike.

    Source: Zhang and Sabuncu 2018, Generalized Cross Entropy Loss, https://arxiv.org/abs/1805.07836 (sec. 3.2 and
    3.3); Laine and Aila 2017, Temporal Ensembling, https://arxiv.org/abs/1610.02242 (sec. 2.2). The papers classify;
    here the classes are the pairs of a batch.

    Args:
        rows: R, rows of the data set.
        power: q, in [0, 1].
        momentum: share of the old agreement that is kept, in [0, 1).
        temperature: of the softmax; cosine scores are divided by it.
        start_rounds: how often a start in closed form is judged and fitted again.
        start_folds: into how many parts the pairs are cut for that.

    Raises:
        ValueError: an argument is outside its range.
    """

    agreement: Tensor
    known: Tensor

    def __init__(
        self,
        rows: int,
        power: float = 0.3,
        momentum: float = 0.7,
        temperature: float = 0.07,
        start_rounds: int = 2,
        start_folds: int = 5,
    ) -> None:
        super().__init__()
        check_common(rows, temperature, momentum, start_rounds, start_folds)
        if not 0 <= power <= 1:
            raise ValueError(f"power must be in [0, 1], got {power}")
        self.power, self.momentum, self.temperature = power, momentum, temperature
        self.start_rounds, self.start_folds = start_rounds, start_folds
        self.register_buffer("agreement", torch.zeros(rows))
        self.register_buffer("known", torch.zeros(rows, dtype=torch.bool))

    def renew(self, epoch: int) -> None:
        """Do nothing: an agreement is renewed whenever its pair is seen."""

    @torch.no_grad()
    def forward(self, row: Tensor, loss: Tensor) -> Tensor:
        """Return the weights (B,) of the pairs of a batch, their losses (B,) counted in."""
        now = (-loss.float()).exp()
        mixed = torch.lerp(now, self.agreement[row], self.momentum)
        self.agreement[row] = torch.where(self.known[row], mixed, now)
        self.known[row] = True
        return self.agreement[row] ** self.power

    def judge(self, row: Tensor, loss: Tensor) -> None:
        """Begin with what models that never saw the pairs say of them."""
        self.agreement[row] = (-loss.float()).exp()
        self.known[row] = True

    def weight(self) -> Tensor:
        """Return (R,) float: the mean of the known ones for a row that is not known."""
        weight = self.agreement**self.power
        mean = (weight * self.known).sum() / self.known.sum().clamp(min=1)
        return torch.where(self.known, weight, torch.where(self.known.any(), mean, 1.0))

    def doubted(self) -> Tensor:
        """Return (R,) bool: the rows that weigh less than half of the mean one."""
        weight = self.weight()
        mean = (weight * self.known).sum() / self.known.sum().clamp(min=1)
        return self.known & (weight < mean / 2)
