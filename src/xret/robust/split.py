"""Small-loss split: two kinds of pairs, told apart by their losses once per epoch."""

import torch
from torch import Tensor, nn

from xret.robust._checks import check_common
from xret.robust._mixture import lower_component


class Split(nn.Module):
    """Weigh each pair by the probability that it is a true one.

    Networks learn true pairs before they memorise false ones, so the losses of an epoch are a mixture of two normal
    distributions; the posterior of the one with the lower mean is the weight. Losses are those of the epoch's own
    steps, averaged over epochs. The first epochs do not split, for a model that knows nothing gives the same loss to
    all.

    Source: Huang et al. 2021, Learning with Noisy Correspondence for Cross-modal Matching (NCR), NeurIPS (sec. 3.2);
    Li et al. 2020, DivideMix, https://arxiv.org/abs/2002.07394 (sec. 3.1). Both train two networks that split for each
    other, and go on to guess labels for the false pairs; here one network splits for itself, and false pairs are left
    out.

    Args:
        rows: R, rows of the data set.
        warmup_epochs: epochs before the first split; after a judged start, epochs that keep to its verdict.
        momentum: share of the old loss that is kept, in [0, 1).
        threshold: a pair counts in full when it is true with at least this probability, else not at all; null: it
            counts by the probability itself.
        temperature: of the softmax whose cross-entropy the losses are; cosine scores are divided by it.
        start_rounds: how often a start in closed form is judged and fitted again.
        start_folds: into how many parts the pairs are cut for that.

    Raises:
        ValueError: an argument is outside its range.
    """

    loss: Tensor
    clean: Tensor
    seen: Tensor
    fresh: Tensor
    known: Tensor

    def __init__(
        self,
        rows: int,
        warmup_epochs: int = 3,
        momentum: float = 0.7,
        threshold: float | None = None,
        temperature: float = 0.03,
        start_rounds: int = 2,
        start_folds: int = 5,
    ) -> None:
        super().__init__()
        check_common(rows, temperature, momentum, start_rounds, start_folds)
        if warmup_epochs < 0:
            raise ValueError(f"warmup_epochs must not be negative, got {warmup_epochs}")
        if threshold is not None and not 0 < threshold < 1:
            raise ValueError(f"threshold must be null or in (0, 1), a probability, got {threshold}")
        self.warmup_epochs, self.momentum, self.threshold = warmup_epochs, momentum, threshold
        self.temperature, self.start_rounds, self.start_folds = temperature, start_rounds, start_folds
        self.register_buffer("loss", torch.zeros(rows))
        self.register_buffer("clean", torch.ones(rows))
        for name in ("seen", "fresh", "known"):  # in training; since the last split; with a verdict
            self.register_buffer(name, torch.zeros(rows, dtype=torch.bool))

    @torch.no_grad()
    def renew(self, epoch: int) -> None:
        """Split the rows that were seen since the last time, unless it is too early."""
        if epoch < self.warmup_epochs:
            return
        fresh = self.fresh.nonzero().squeeze(1)
        if len(fresh):
            self.judge(fresh, self.loss[fresh])
        self.fresh.zero_()

    @torch.no_grad()
    def forward(self, row: Tensor, loss: Tensor) -> Tensor:
        """Return the weights (B,) that the last split gave the pairs of a batch, and remember their losses (B,)."""
        mixed = torch.lerp(loss.float(), self.loss[row], self.momentum)
        self.loss[row] = torch.where(self.seen[row], mixed, loss.float())
        self.seen[row] = self.fresh[row] = True
        return self._weighed(self.clean[row])

    @torch.no_grad()
    def judge(self, row: Tensor, loss: Tensor) -> None:
        """Split some rows by losses (N,)."""
        self.believe(row, lower_component(loss))

    @torch.no_grad()
    def believe(self, row: Tensor, clean: Tensor) -> None:
        """Give some rows their probability (N,) to be true."""
        self.clean[row] = clean.float()
        self.known[row] = True

    def weight(self) -> Tensor:
        """Return (R,) float; 1 for a row that is not known."""
        return self._weighed(self.clean)

    def doubted(self) -> Tensor:
        """Return (R,) bool: the rows that are more probably false, or less probably true than ``threshold``."""
        return self.clean < (0.5 if self.threshold is None else self.threshold)

    def _weighed(self, clean: Tensor) -> Tensor:
        return clean if self.threshold is None else (clean >= self.threshold).float()
