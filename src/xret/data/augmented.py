"""Training batches after a policy: drawn anew at each step, or from versions that were encoded and stored before."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xret.data.batch import Draw, Given
from xret.data.providers import BrokenItems, Inputs, Stored
from xret.data.reading import BrokenMedia

_PARTNERS = 1  # sets this draw apart from others of the same seed


@dataclass(frozen=True)
class Partners:
    """Whom each training pair is mixed with, version by version.

    Attributes:
        rows: (N,) int64, the training pairs.
        groups: (R,) int64 of all pairs.
        seed: of the draw.
    """

    rows: np.ndarray
    groups: np.ndarray
    seed: int

    def __call__(self, version: int) -> np.ndarray:
        """Return (R,) int64: another training pair; -1 where that is of the same group, and outside of training."""
        rng = np.random.default_rng([self.seed, version, _PARTNERS])
        partner = np.full(len(self.groups), -1, dtype=np.int64)
        partner[self.rows] = rng.permutation(self.rows)
        partner[(partner >= 0) & (self.groups[partner] == self.groups)] = -1
        return partner


@dataclass(frozen=True)
class Choice:
    """What becomes of each of B pairs.

    Attributes:
        rows: (B,) int64.
        operation: (B,) int64, number of the pair operation; -1: the pair is not mixed.
        version: (B,) int64, of the mixed pairs.
        partner: (B,) int64, the row that is mixed in; -1 for none.
        changed: (B,) bool: the item is changed on its own. One is drawn per modality.
    """

    rows: np.ndarray
    operation: np.ndarray
    version: np.ndarray
    partner: np.ndarray
    changed: np.ndarray


@dataclass(frozen=True)
class Anew:
    """Reads items and changes them at each step.

    Attributes:
        modality: "text" or "image".
        provider: with ``read(position)`` and ``collate(items)``.
        of_row: (R,) int64, item of each row.
        policy: see `xret.augmentation.policy.Policy`.
    """

    modality: str
    provider: Any
    of_row: np.ndarray
    policy: Any

    def __call__(self, choice: Choice, rng: np.random.Generator) -> tuple[Inputs, np.ndarray]:
        """Return tensors of B items, and (B,) how much each was changed: words of a text, 0 or 1 for a picture.

        Raises:
            BrokenItems: some of them cannot be read.
        """
        content: list[Any] = []
        amount = np.zeros(len(choice.rows), np.float32)
        faults: dict[int, BrokenMedia] = {}
        for i, row in enumerate(choice.rows.tolist()):
            try:
                before = self.provider.read(int(self.of_row[row]))
                after = before
                if choice.operation[i] >= 0:
                    other = self.provider.read(int(self.of_row[choice.partner[i]]))
                    after = self.policy.mix(int(choice.operation[i]), self.modality, before, other, rng)
                elif choice.changed[i]:
                    after = self.policy.change(self.modality, before, rng)
                content.append(after)
                amount[i] = self._amount(before, after)
            except BrokenMedia as error:
                faults[i] = error
        if faults:
            raise BrokenItems(faults)
        return self.provider.collate(content), amount

    def _amount(self, before: Any, after: Any) -> float:  # noqa: ANN401 - two texts or two pictures
        if self.modality == "text":
            return float(self.policy.words_changed(before, after))
        return float(after is not before)


class Views:
    """Picks stored versions of items.

    Args:
        original: features of all items.
        views: K further versions; each covers the items ``where``, in that order.
        where: (M,) int64, items that have versions.
        amounts: (K, M) float32, how much each version differs; see `Anew`.
        mixed: pair operation -> K versions of the pairs ``rows``, in that order.
        rows: (N,) int64, pairs that have mixed versions.
        of_row: (R,) int64, item of each row.
    """

    def __init__(
        self,
        original: Stored,
        views: Sequence[Stored],
        where: np.ndarray,
        amounts: np.ndarray,
        mixed: Sequence[Sequence[Stored]],
        rows: np.ndarray,
        of_row: np.ndarray,
    ) -> None:
        self.original, self.views, self.amounts, self.mixed, self.of_row = original, views, amounts, mixed, of_row
        self._item = np.full(len(original.array), -1, dtype=np.int64)
        self._item[where] = np.arange(len(where))
        self._pair = np.full(len(of_row), -1, dtype=np.int64)
        self._pair[rows] = np.arange(len(rows))

    def __call__(self, choice: Choice, rng: np.random.Generator) -> tuple[Inputs, np.ndarray]:
        """Return features of B items, and (B,) how much each was changed."""
        items = self.of_row[choice.rows]
        count = len(items)
        amount = np.zeros(count, np.float32)
        source = np.zeros(count, dtype=np.int64)  # 0: the original; then the views; then the mixed versions
        place = items.copy()
        if self.views:
            version = rng.integers(len(self.views), size=count)
            own = choice.changed & (choice.operation < 0)
            source[own] = 1 + version[own]
            place[own] = self._item[items[own]]
            amount[own] = self.amounts[version[own], place[own]]
        both = choice.operation >= 0
        if both.any():
            per = len(self.mixed[0])
            source[both] = 1 + len(self.views) + choice.operation[both] * per + choice.version[both]
            place[both] = self._pair[choice.rows[both]]
            amount[both] = 1
        tables = [self.original, *self.views, *(table for versions in self.mixed for table in versions)]
        found = _gather(tables, source, place)
        if (
            self.original.tokens is not None
        ):  # beside the vector; versions have none, so they keep those of the original
            found = {**self.original(items), **found}
        return found, amount

    def version(self, k: int, rows: np.ndarray) -> np.ndarray:
        """Return the k-th version of the items of some rows."""
        found: np.ndarray = self.views[k].array[self._item[self.of_row[rows]]]
        return found


def _gather(tables: Sequence[Stored], source: np.ndarray, place: np.ndarray) -> Inputs:
    """Return the features at (table, place) for each of B items; shorter sequences end in zeros that do not count."""
    parts = {int(number): np.flatnonzero(source == number) for number in np.unique(source)}
    arrays = {number: tables[number].array[place[where]] for number, where in parts.items()}
    name, shapes = tables[0].name, [array.shape[1:] for array in arrays.values()]
    if name == "vector":
        out = np.empty((len(source), *shapes[0]), np.float32)
        for number, where in parts.items():
            out[where] = arrays[number]
        return {"vector": torch.from_numpy(out)}
    longest = max(shape[0] for shape in shapes)
    tokens = np.zeros((len(source), longest, shapes[0][1]), np.float32)
    mask = np.zeros((len(source), longest), bool)
    for number, where in parts.items():
        length = arrays[number].shape[1]
        held = tables[number].mask
        tokens[where, :length] = arrays[number]
        mask[where, :length] = True if held is None else held[place[where]]
    return {"tokens": torch.from_numpy(tokens), "mask": torch.from_numpy(mask)}


class Augmented:
    """What the items of a training batch become.

    Args:
        policy: see `xret.augmentation.policy.Policy`.
        sources: modality -> `Anew` or `Views`; for modalities that nothing changes, their provider.
        of_row: modality -> (R,) int64, item of each row.
        groups: (R,) int64.
        partners: version -> whom each pair is mixed with; see `Partners`.
        versions: K, of mixed pairs that are stored; None: a new one every epoch.
    """

    def __init__(
        self,
        policy: Any,  # noqa: ANN401 - of another package
        sources: Mapping[str, Anew | Views | Callable[[np.ndarray], Inputs]],
        of_row: Mapping[str, np.ndarray],
        groups: np.ndarray,
        partners: Callable[[int], np.ndarray],
        versions: int | None,
    ) -> None:
        self.policy, self.sources, self.of_row, self.groups = policy, dict(sources), dict(of_row), groups
        self.partners, self.versions = partners, versions
        self._known: dict[int, np.ndarray] = {}

    def __call__(self, rows: np.ndarray, draw: Draw) -> Given:
        """Return the tensors of B pairs, what was mixed into them, and figures of how much was changed.

        Raises:
            BrokenItems: some of them cannot be read.
        """
        strength = self.policy.strength(draw.epoch)
        operation, version, partner = self._mixed(rows, strength, draw)
        inputs: dict[str, Inputs] = {}
        health: dict[str, Tensor] = {}
        for modality, source in self.sources.items():
            if not isinstance(source, Anew | Views):
                inputs[modality] = source(self.of_row[modality][rows])
                continue
            changed = draw.rng.random(len(rows)) < strength * self.policy.share
            choice = Choice(rows, operation, version, partner, changed)
            inputs[modality], amount = source(choice, draw.rng)
            health[f"augmented_{modality}"] = _mean(amount > 0)
            if modality == "text":
                health["changed_words"] = _mean(amount[operation < 0])
        if not self.policy.pairs:
            return Given(inputs, None, health)
        health["mixed_pairs"] = _mean(operation >= 0)
        others = np.where(operation >= 0, self.groups[partner], self.groups[rows])
        return Given(inputs, torch.from_numpy(others), health)

    def with_versions(self, vectors: Mapping[str, np.ndarray], rows: np.ndarray) -> dict[str, np.ndarray]:
        """Return vectors of pairs and, below them, those of their stored versions, the k-th of all modalities together.

        Args:
            vectors: modality -> (N, D) of the pairs as they are.
            rows: (N,) int64, which pairs these are.
        """
        stored = {m: s for m, s in self.sources.items() if isinstance(s, Views) and s.views and m in vectors}
        below = {m: [v] for m, v in vectors.items()}
        for k in range(max((len(s.views) for s in stored.values()), default=0)):
            for m, v in vectors.items():
                below[m].append(stored[m].version(k, rows) if m in stored else v)
        return {m: np.concatenate(parts) for m, parts in below.items()}

    def _mixed(self, rows: np.ndarray, strength: float, draw: Draw) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return (B,) pair operation or -1, (B,) version and (B,) partner of each pair."""
        operation = np.full(len(rows), -1, dtype=np.int64)
        version = np.full(len(rows), draw.epoch, dtype=np.int64)
        partner = np.full(len(rows), -1, dtype=np.int64)
        if self.policy.pairs:
            ends = np.cumsum([p.p for p in self.policy.pairs]) * strength
            number = np.searchsorted(ends, draw.rng.random(len(rows)), side="right")
            if self.versions is not None:
                version = draw.rng.integers(self.versions, size=len(rows))
            for one in np.unique(version).tolist():
                here = version == one
                partner[here] = self._partners_of(one)[rows[here]]
            operation = np.where((number < len(ends)) & (partner >= 0), number, -1)
        return operation, version, partner

    def _partners_of(self, version: int) -> np.ndarray:
        if version not in self._known:
            if self.versions is None:
                self._known.clear()  # epochs pass
            self._known[version] = self.partners(version)
        return self._known[version]


def _mean(values: np.ndarray) -> Tensor:
    return torch.tensor(float(values.mean()) if len(values) else 0.0)
