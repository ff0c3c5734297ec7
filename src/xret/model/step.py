"""What an objective sees of one training step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Protocol, runtime_checkable

from torch import Tensor

from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.model.dual_encoder import DualEncoder


@dataclass(frozen=True)
class Pairs:
    """N encoded pairs that may be set against each other.

    Attributes:
        vectors: modality -> unit vectors (N, D), float32.
        group: (N,) int64, equal where two pairs are the same thing.
        weight: (N,) float32, how much a pair counts.
        domain: (N,) int64.
        row: (N,) int64, where each pair stands among the rows of the data set.
        others: (N,) int64, groups of the second things of pairs that are made of two; None where none is.
    """

    vectors: dict[str, Tensor]
    group: Tensor
    weight: Tensor
    domain: Tensor
    row: Tensor
    others: Tensor | None = None


def _as_it_is(tensor: Tensor) -> Tensor:
    return tensor


@dataclass
class Step:
    """One batch, encoded.

    With several processes there are two views, and an objective reads one of them:

    - ``batch`` and ``encoded`` are this process's own B pairs, whole: inputs, extras, vectors, tokens and masks, row i
      of each belonging together. Objectives that look at tokens, at inputs or at `Batch.extra` (matching, teachers,
      attacks, domains) use these, and need not know that there are other processes.
    - ``shared`` is for those that set pairs against each other and want as many as there are: the vectors, groups,
      weights, domains and rows of all processes with ``gather=true``, N = B * processes, in the order in which one
      process would have held them (pair i of process p is row i * processes + p); else of this process alone, N = B.
      It holds no tokens, inputs or extras; what else belongs to its rows, `gathered` brings.

    The gradient of a parameter is averaged over the processes. So an objective that returns the mean over its own B
    pairs ends up with the mean over all pairs, and one that returns the same loss of ``shared`` in every process with
    the gradient that one process would have found; neither scales anything. Where what is random (dropout, a miner that
    draws) differs between processes, it is the mean of their losses that is minimised.

    Attributes:
        model: the encoders and projections.
        batch: this process's B pairs.
        encoded: modality -> `Encoded` of them, with unit vectors (B, D), float32.
        progress: share of all training steps that are done, in [0, 1).
        epoch: from 0.
        health: numbers to log beside the losses; objectives write into it.
        gathered: (B, ...) of each process -> (B * processes, ...), in the order of ``shared`` and with its gradient;
            every process must call it as often. With one process it changes nothing.
        gather: whether ``shared`` reaches over all processes.
    """

    model: DualEncoder
    batch: Batch
    encoded: dict[str, Encoded]
    progress: float = 0.0
    epoch: int = 0
    health: dict[str, Tensor] = field(default_factory=dict)
    gathered: Callable[[Tensor], Tensor] = _as_it_is
    gather: bool = True

    @cached_property
    def shared(self) -> Pairs:
        """The pairs to set against each other, vectors with their gradient."""
        return self.pairs(self.gathered if self.gather else _as_it_is)

    @cached_property
    def everywhere(self) -> Pairs:
        """The pairs of all processes whatever ``gather`` says, vectors without a gradient: the same in each of them."""
        if self.gather:
            return replace(self.shared, vectors={m: v.detach() for m, v in self.shared.vectors.items()})
        return self.pairs(lambda tensor: self.gathered(tensor.detach()))

    def pairs(self, take: Callable[[Tensor], Tensor]) -> Pairs:
        """Return the pairs of this process with ``take`` applied to each tensor."""
        batch = self.batch
        vectors = {m: take(e.vector) for m, e in self.encoded.items()}
        others = batch.others
        if others is None and take is not _as_it_is:  # another process may have some
            others = batch.group
        others = None if others is None else take(others)
        return Pairs(vectors, take(batch.group), take(batch.weight), take(batch.domain), take(batch.row), others)


@runtime_checkable
class Remembers(Protocol):
    """An objective that keeps something of a step."""

    def remember(self, step: Step) -> None:
        """Take in what is kept of a step; called once its gradient is taken."""
