"""Cross-batch memory: the vectors of the last batches, as further targets."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from xret.model.step import Pairs


class Bank(nn.Module):
    """The last ``size`` vectors of each modality, without gradient, and which pairs they are of.

    Vectors move slowly once training is under way, so those of past batches still tell what a query must stay away
    from. A query meets the rows of the bank as it meets the targets of its batch: those of its own group are positives,
    as in the paper, and never negatives; the others are what the miner chooses from.

    Nothing enters and nothing is held in the first ``warmup_steps`` batches, in which vectors move fast. From then on a
    batch enters after its loss was computed, and pushes out the oldest rows; ``size`` need not be a multiple of the
    batch. All that is held is in buffers, so a training that is resumed finds it as it was. Every process holds the
    same rows, those of all processes.

    Source: Wang et al. 2020, Cross-Batch Memory for Embedding Learning, https://arxiv.org/abs/1912.06798 (sec. 3.3,
    algorithm 1; warm-up: sec. 3.1).

    Args:
        size: rows held of each modality.
        dim: D, size of the vectors.
        modalities: whose vectors.
        warmup_steps: batches before the first that enters.

    Raises:
        ValueError: size or dim is below 1, or warmup_steps below 0.
    """

    vectors: Tensor
    group: Tensor
    others: Tensor
    row: Tensor
    offered: Tensor
    taken: Tensor
    drift: Tensor

    def __init__(self, size: int, dim: int, modalities: Sequence[str], warmup_steps: int = 0) -> None:
        super().__init__()
        if size < 1 or dim < 1 or warmup_steps < 0:
            raise ValueError(f"need size, dim > 0 and warmup_steps >= 0, got {size}, {dim} and {warmup_steps}")
        self.size, self.warmup_steps = size, warmup_steps
        self.places = {modality: i for i, modality in enumerate(modalities)}
        self.register_buffer("vectors", torch.zeros(len(self.places), size, dim))
        self.register_buffer("group", torch.full((size,), -1))
        self.register_buffer("others", torch.full((size,), -1))
        self.register_buffer("row", torch.full((size,), -1))
        self.register_buffer("offered", torch.tensor(0))  # batches so far
        self.register_buffer("taken", torch.tensor(0))  # rows so far; where the next one goes follows from it
        self.register_buffer("drift", torch.tensor(1.0))
        self._counts: tuple[int, int] | None = None  # the two counters, read once: reading a GPU stalls it

    def _load_from_state_dict(self, *args: Any) -> None:  # noqa: ANN401 - torch's own
        super()._load_from_state_dict(*args)
        self._counts = None

    def _counters(self) -> tuple[int, int]:
        """Return how many batches were offered and how many rows taken."""
        if self._counts is None:
            self._counts = int(self.offered), int(self.taken)
        return self._counts

    @property
    def filled(self) -> int:
        """How many rows are held, n."""
        return min(self._counters()[1], self.size)

    def held(self, modality: str) -> Tensor:
        """Return the vectors of a modality that are held, (n, D); the buffer itself, to be read before the next `put`.

        Row i of every modality and of `groups` belongs together.
        """
        return self.vectors[self.places[modality], : self.filled]

    def groups(self) -> tuple[Tensor, Tensor]:
        """Return the groups of what is held, (n,) int64, and those of the second things; see `Batch.others`."""
        return self.group[: self.filled], self.others[: self.filled]

    @torch.no_grad()
    def put(self, pairs: Pairs) -> None:
        """Take in a batch, unless the warm-up is not over; of a batch larger than the bank its last rows."""
        offered, taken = self._counters()
        if offered >= self.warmup_steps:
            self._watch(pairs)
            count = len(pairs.row)
            kept = slice(max(0, count - self.size), count)
            where = torch.arange(taken + kept.start, taken + count, device=self.group.device) % self.size
            for modality, place in self.places.items():
                self.vectors[place, where] = pairs.vectors[modality][kept].to(self.vectors.dtype)
            others = pairs.group if pairs.others is None else pairs.others
            self.group[where], self.row[where], self.others[where] = pairs.group[kept], pairs.row[kept], others[kept]
            taken += count
        self._counts = offered + 1, taken
        self.offered += 1
        self.taken.fill_(taken)

    def _watch(self, pairs: Pairs) -> None:
        """Set `drift` to the mean cosine of stored and fresh vectors of the rows that are met again, if any are."""
        if not self.filled:
            return
        same = pairs.row[:, None] == self.row[None, : self.filled]  # (B, n)
        met, place = same.max(dim=1)
        cosines = [(pairs.vectors[m] * self.held(m)[place]).sum(dim=1) for m in self.places]
        mean = (torch.stack(cosines).mean(dim=0) * met).sum() / met.sum().clamp(min=1)
        self.drift.copy_(torch.where(met.any(), mean, self.drift))

    def health(self) -> dict[str, Tensor]:
        """Return what is worth watching.

        Returns:
            ``bank_fill``: share of the rows that hold something. ``bank_drift``: mean cosine between the stored and the
            fresh vectors of those rows that were last met again while held; 1 before any was.
        """
        fill = torch.full((), self.filled / self.size, device=self.drift.device)
        return {"bank_fill": fill, "bank_drift": self.drift.clone()}
