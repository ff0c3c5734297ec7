"""Items of several parts, some of which may be missing, as one set of tensors."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from xret.data.manifest import Items
from xret.data.providers import Inputs, Provider, Stored

ITEM = "item"  # what a target of several parts is called where modalities have names
BESIDE = " | "  # between the parts of an item, in what it is called
_PRESENT = "present"


def part_of(inputs: Mapping[str, Tensor], part: str) -> tuple[Inputs, Tensor]:
    """Return the tensors of one part as its encoder takes them, and (B,) bool where items have it.

    Args:
        inputs: what `Composite` gives.
        part: its name.
    """
    own = {name.removeprefix(f"{part}."): t for name, t in inputs.items() if name.startswith(f"{part}.")}
    present = own.pop(_PRESENT)
    return own, present


@dataclass(frozen=True)
class Composite:
    """Gives the tensors of N items: those of each part under "<part>.<name>", and "<part>.present" (B,) bool.

    Where an item lacks a part, another item's stands in its place; whoever reads them goes by "present".

    Attributes:
        providers: part -> what gives tensors of the different pictures, titles, ...
        places: part -> (N,) int64, which of them an item has; -1 where it has none.
        sample: stored tokens of each part that are read in a step of training; None: all.
    """

    providers: Mapping[str, Provider]
    places: Mapping[str, np.ndarray]
    sample: int | None = None

    @property
    def has_vectors(self) -> bool:
        """Whether the vectors of all parts were computed before; tokens that are still to be pooled are none."""
        return all(isinstance(p, Stored) and p.name == "vector" for p in self.providers.values())

    def __call__(self, positions: np.ndarray) -> Inputs:
        """Return the tensors of some items.

        Raises:
            BrokenItems: some of them cannot be read.
        """
        return self._joint(positions, lambda provider, places: provider(places))

    def drawn(self, positions: np.ndarray, rng: np.random.Generator) -> Inputs:
        """Return the same with ``sample`` of the stored tokens of each part, the same places in all items.

        Source: Li et al. 2023, FLIP, https://arxiv.org/abs/2212.00794 (sec. 3; there a picture has places of its own).

        Raises:
            BrokenItems: some of them cannot be read.
        """
        count = self.sample
        if count is None:
            return self(positions)

        def some(provider: Provider, places: np.ndarray) -> Inputs:
            return provider.some_tokens(places, count, rng) if isinstance(provider, Stored) else provider(places)

        return self._joint(positions, some)

    def _joint(self, positions: np.ndarray, give: Callable[[Provider, np.ndarray], Inputs]) -> Inputs:
        found: Inputs = {}
        for part, provider in self.providers.items():
            wanted = self.places[part][positions]
            present = wanted >= 0
            stand_in = wanted[present][0] if present.any() else self.places[part].max()
            given = give(provider, np.where(present, wanted, stand_in))
            found |= {f"{part}.{name}": tensor for name, tensor in given.items()}
            found[f"{part}.{_PRESENT}"] = torch.from_numpy(present)
        return found

    def only(self, part: str) -> "Composite":
        """Return the same items without any other part; those that lack it keep what they have."""
        lacks = self.places[part] < 0
        places = {p: np.where(lacks | (p == part), where, -1) for p, where in self.places.items()}
        return replace(self, places=places)

    def present(self) -> dict[str, np.ndarray]:
        """Return part -> (N,) bool."""
        return {part: where >= 0 for part, where in self.places.items()}

    def vectors(self, part: str) -> np.ndarray:
        """Return the stored vectors of a part, (N, D) float32; where it is missing, those of a stand-in."""
        stored: Any = self.providers[part]
        vectors: np.ndarray = np.asarray(stored.array)[self.places[part].clip(0)]
        return vectors

    def joined(self, known: np.ndarray) -> np.ndarray:
        """Return the stored vectors of all parts side by side, (N, sum of D) float32.

        Args:
            known: positions of the items whose mean stands where a part is missing.
        """
        columns = []
        for part, present in self.present().items():
            vectors, seen = self.vectors(part).copy(), np.unique(known[present[known]])
            vectors[~present] = vectors[seen].mean(axis=0) if len(seen) else 0
            columns.append(vectors)
        return np.concatenate(columns, axis=1)


def composed(
    parts: Mapping[str, tuple[Items, np.ndarray]], used: Sequence[str], groups: np.ndarray, missing: float = 0.0
) -> tuple[Items, np.ndarray, dict[str, np.ndarray]]:
    """Return the different items that some rows hold.

    Two rows hold the same item when they agree in group and in every part, be it used or not: so those who look at the
    picture alone and those who look at picture and title are asked for the same items.

    Args:
        parts: part -> its different values, and (R,) int64 which of them each row holds; -1 for none.
        used: the parts that are looked at.
        groups: (R,) int64.
        missing: share of the items that lose one of several used parts on purpose; which item and which part is a
            function of what the item is made of.

    Returns:
        N items; (R,) int64 the item of each row, -1 where it has no used part; and used part -> (N,) int64 which value
        an item has, -1 for none.

    Raises:
        ValueError: missing is outside [0, 1].
    """
    if not 0 <= missing <= 1:
        raise ValueError(f"missing must be in [0, 1], a share of the items, got {missing}")
    names, own = list(parts), [list(parts).index(part) for part in used]
    held = np.stack([of_row for _, of_row in parts.values()], axis=1)  # (R, M)
    seen: dict[tuple[int, ...], int] = {}
    of_row = np.full(len(groups), -1, dtype=np.int64)
    for row in np.flatnonzero((held[:, own] >= 0).any(axis=1)).tolist():
        of_row[row] = seen.setdefault((int(groups[row]), *held[row].tolist()), len(seen))
    table = np.array([key[1:] for key in seen], dtype=np.int64).reshape(len(seen), len(names))
    refs = tuple(
        BESIDE.join(parts[name][0].refs[v] for name, v in zip(names, values, strict=True) if v >= 0)
        for values in table.tolist()
    )
    places = table[:, own]
    for values, ref in zip(places, refs, strict=True):
        _lose(values, ref, missing)
    counts = np.bincount(of_row[of_row >= 0], minlength=len(seen))
    items = Items(ITEM, refs, np.array([key[0] for key in seen], dtype=np.int64), counts)
    return items, of_row, {part: places[:, i] for i, part in enumerate(used)}


def _lose(values: np.ndarray, ref: str, missing: float) -> None:
    """Set one of several values (M,) to -1 with the probability ``missing``, in place."""
    there = np.flatnonzero(values >= 0)
    digest = hashlib.sha1(f"missing:{ref}".encode(errors="surrogatepass"), usedforsecurity=False).digest()
    if len(there) > 1 and int.from_bytes(digest[:8], "big") / 2**64 < missing:
        values[there[int.from_bytes(digest[8:16], "big") % len(there)]] = -1
