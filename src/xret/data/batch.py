"""Batches: rows in, tensors out."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Self

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from xret._errors import UserError
from xret.data.providers import BrokenItems, Drawing, Inputs, Provider

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Batch:
    """B pairs.

    Attributes:
        inputs: modality -> the tensors its encoder takes, each (B, ...).
        group: (B,) int64, equal where two rows are the same thing.
        weight: (B,) float32, how much a pair counts.
        domain: (B,) int64.
        row: (B,) int64, where each pair stands among the rows of the data set.
        extra: what else a switch wants, each under its name: modality -> tensors. Their length need not be B.
        others: (B,) int64, where pairs may be made of two things: the group of the second, else the pair's own; None
            where no pair is. See `relation`.
        health: figures to log beside the losses, () float32 each.
    """

    inputs: dict[str, Inputs]
    group: Tensor
    weight: Tensor
    domain: Tensor
    row: Tensor
    extra: dict[str, dict[str, Inputs]] = field(default_factory=dict)
    others: Tensor | None = None
    health: dict[str, Tensor] = field(default_factory=dict)

    def relation(self) -> tuple[Tensor, Tensor | None]:
        """Return which pairs are right for each other, and which are neither right nor wrong.

        Two pairs are right for each other when they hold the same things. A pair that was made of two things is neither
        right nor wrong for a pair that shares but one of them: half a picture is no rival to its own caption.

        Returns:
            (B, B) bool, symmetric; and another one, disjoint from it, or None where no pair is made of two things.
        """
        own = self.group, self.others
        return related(own, own)

    def __len__(self) -> int:
        """Return B."""
        return len(self.group)

    def to(self, device: torch.device | str, non_blocking: bool = False) -> Self:
        """Return the batch on a device."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=non_blocking))

    def pin_memory(self) -> Self:
        """Return the batch in page-locked memory."""
        return self._map(lambda tensor: tensor.pin_memory())

    def _map(self, change: Callable[[Tensor], Tensor]) -> Self:
        def changed(inputs: dict[str, Inputs]) -> dict[str, Inputs]:
            return {m: {name: change(tensor) for name, tensor in part.items()} for m, part in inputs.items()}

        facts = {name: change(getattr(self, name)) for name in ("group", "weight", "domain", "row")}
        extra = {name: changed(inputs) for name, inputs in self.extra.items()}
        others = None if self.others is None else change(self.others)
        health = {name: change(figure) for name, figure in self.health.items()}
        return replace(self, inputs=changed(self.inputs), extra=extra, others=others, health=health, **facts)


@dataclass(frozen=True)
class Draw:
    """What is random in one batch.

    Attributes:
        epoch: from 0.
        rng: a pure function of seed, epoch and the rows of the batch, so that a resumed run draws the same again.
    """

    epoch: int
    rng: np.random.Generator


Extra = Callable[[np.ndarray, Draw], dict[str, Inputs]]


def related(
    queries: tuple[Tensor, Tensor | None], targets: tuple[Tensor, Tensor | None]
) -> tuple[Tensor, Tensor | None]:
    """Return which targets are right for which queries, and which are neither right nor wrong; see `Batch.relation`.

    Args:
        queries: (Q,) int64 groups, and those of the second things; None where all are made of one.
        targets: (T,) int64, the same.

    Returns:
        (Q, T) bool; and another one, disjoint from it, or None where nothing is made of two.
    """
    group, mine = queries[0][:, None], targets[0][None, :]
    if queries[1] is None and targets[1] is None:
        return group == mine, None
    other = group if queries[1] is None else queries[1][:, None]
    theirs = mine if targets[1] is None else targets[1][None, :]
    straight, crossed = (group == mine, other == theirs), (group == theirs, other == mine)
    right = straight[0] & straight[1]
    return right, (straight[0] | straight[1] | crossed[0] | crossed[1]) & ~right


class Given(NamedTuple):
    """The tensors of B pairs, and `Batch.others` and `Batch.health` for them."""

    inputs: dict[str, Inputs]
    others: Tensor | None = None
    health: dict[str, Tensor] = {}  # noqa: RUF012 - the default of a tuple's field, never written to


Augment = Callable[[np.ndarray, Draw], Given]


class PairDataset(Dataset[Batch]):
    """All pairs; an index is a list of rows and gives a whole `Batch`.

    Made for ``DataLoader(..., batch_size=None, sampler=Batches(...))``. Rows whose files cannot be read are left out of
    their batch and named once in the log.

    Args:
        providers: modality -> what gives the tensors of its items.
        item_of_row: modality -> (R,) int64, the item of each row.
        groups: (R,) int64.
        weights: (R,) float32.
        domains: (R,) int64.
        extras: name -> (rows, draw) -> what `Batch.extra` holds under that name.
        seed: of what is drawn.
        augment: (rows, draw) -> tensors of pairs that differ from epoch to epoch, in place of the providers.

    Raises:
        ValueError: the arrays differ in length, or a row lacks an item of a modality.
    """

    def __init__(
        self,
        providers: Mapping[str, Provider],
        item_of_row: Mapping[str, np.ndarray],
        groups: np.ndarray,
        weights: np.ndarray,
        domains: np.ndarray,
        extras: Mapping[str, Extra] | None = None,
        seed: int = 0,
        augment: Augment | None = None,
    ) -> None:
        self._providers = dict(providers)
        self._augment = augment or self._as_they_are
        self._items = {m: np.asarray(item_of_row[m]) for m in providers}
        self._groups, self._weights = np.asarray(groups, np.int64), np.asarray(weights, np.float32)
        self._domains = np.asarray(domains, np.int64)
        self._extras, self._seed = dict(extras or {}), seed
        self._reported: set[int] = set()
        sizes = {len(a) for a in (*self._items.values(), self._groups, self._weights, self._domains)}
        if len(sizes) != 1:
            raise ValueError(f"items, groups, weights and domains must have one entry per row, got lengths {sizes}")
        for modality, items in self._items.items():
            if len(items) and items.min() < 0:
                raise ValueError(f"row {int(items.argmin())} has no {modality}; every row of a batch needs one")

    def __len__(self) -> int:
        """Return R."""
        return len(self._groups)

    def __getitem__(self, rows: Sequence[int]) -> Batch:
        """Return the batch of some rows in epoch 0."""
        return self.batch(rows, epoch=0)

    def batch(self, rows: Sequence[int] | np.ndarray, epoch: int) -> Batch:
        """Return the batch of some rows in an epoch.

        Raises:
            UserError: none of them can be read.
        """
        chosen = np.asarray(rows, dtype=np.int64)
        while len(chosen):
            draw = Draw(epoch, np.random.default_rng([self._seed, epoch, *chosen.tolist()]))
            try:
                given = self._augment(chosen, draw)
            except BrokenItems as error:
                self._report(chosen, error)
                chosen = np.delete(chosen, list(error.faults))
                continue
            group, weight, domain = (torch.from_numpy(a[chosen]) for a in (self._groups, self._weights, self._domains))
            extra = {name: give(chosen, draw) for name, give in self._extras.items()}
            row = torch.from_numpy(chosen)
            return Batch(given.inputs, group, weight, domain, row, extra, given.others, given.health)
        raise UserError("none of the files of a batch can be read; the log names them")

    def _as_they_are(self, rows: np.ndarray, draw: Draw) -> Given:
        def given(provider: Provider, items: np.ndarray) -> Inputs:
            return provider.drawn(items, draw.rng) if isinstance(provider, Drawing) else provider(items)

        return Given({m: given(provider, self._items[m][rows]) for m, provider in self._providers.items()})

    def _report(self, rows: np.ndarray, error: BrokenItems) -> None:
        for i, fault in error.faults.items():
            row = int(rows[i])
            if row not in self._reported:
                self._reported.add(row)
                log.warning("row %d is left out of its batch: %s", row, fault)
