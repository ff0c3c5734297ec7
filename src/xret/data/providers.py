"""Providers: items in, tensors out, whether they are stored features or files that have to be read."""

import mmap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from torch import Tensor

from xret.data.manifest import media_path
from xret.data.reading import BrokenMedia, read_image

Inputs = dict[str, Tensor]
Provider = Callable[[np.ndarray], Inputs]


@runtime_checkable
class Drawing(Protocol):
    """A provider that may give a part of what its items hold, for a step of training."""

    def __call__(self, positions: np.ndarray) -> Inputs:
        """Return the tensors of some items."""

    def drawn(self, positions: np.ndarray, rng: np.random.Generator) -> Inputs:
        """Return what is drawn of them."""


class BrokenItems(Exception):  # noqa: N818 - it is the items that are broken
    """Some items cannot be given; ``faults`` says why, by place in what was asked for."""

    def __init__(self, faults: dict[int, BrokenMedia]) -> None:
        super().__init__(faults)
        self.faults = faults


class Stored:
    """Gives features that were computed before.

    Args:
        name: "vector" or "tokens", what the encoder's `forward` knows them by.
        array: (N, D) vectors or (N, L, C) tokens, float32, in memory or memory-mapped.
        mask: (N, L) bool, for tokens; None where all of them count.
        tokens: (N, L, C) beside vectors, for switches that want both; None: the vectors alone.

    Raises:
        ValueError: the name is another one, or the mask or the tokens do not fit.
    """

    def __init__(
        self, name: str, array: np.ndarray, mask: np.ndarray | None = None, tokens: np.ndarray | None = None
    ) -> None:
        if name not in ("vector", "tokens"):
            raise ValueError(f"name must be vector or tokens, got {name!r}")
        if tokens is not None and (name == "tokens" or len(tokens) != len(array)):
            raise ValueError(f"tokens must be (N, L, C) beside vectors (N, D), got {tokens.shape} and {array.shape}")
        sequence = array if name == "tokens" else tokens
        if mask is not None and (sequence is None or mask.shape != sequence.shape[:2]):
            raise ValueError(
                f"a mask must be (N, L) beside tokens (N, L, C), got {mask.shape} and {name} {array.shape}"
            )
        self.name = name
        self.array = array
        self.mask = mask
        self.tokens = tokens

    def __call__(self, positions: np.ndarray) -> Inputs:
        """Return a copy of the features of some items."""
        found = {self.name: torch.from_numpy(np.array(self.array[positions]))}
        if self.mask is None:
            return found if self.tokens is None else found | {"tokens": torch.from_numpy(self.tokens[positions])}
        mask = np.array(self.mask[positions])
        if self.tokens is None:
            return found | {"mask": torch.from_numpy(mask)}
        longest = int(np.flatnonzero(mask.any(axis=0)).max(initial=0)) + 1  # the rest is padding in all of them
        cut = self.tokens[positions, :longest], mask[:, :longest].copy()
        return found | {name: torch.from_numpy(a) for name, a in zip(("tokens", "mask"), cut, strict=True)}

    def some_tokens(self, positions: np.ndarray, count: int, rng: np.random.Generator) -> Inputs:
        """Return the same with the tokens at ``count`` places of the longest of these items, drawn anew, in order.

        Features that are tokens, which an encoder has yet to pool, come whole.
        """
        if self.name == "tokens" or self.tokens is None:
            return self(positions)
        mask, length = None if self.mask is None else np.array(self.mask[positions]), self.tokens.shape[1]
        longest = length if mask is None else int(np.flatnonzero(mask.any(axis=0)).max(initial=0)) + 1
        places = np.sort(rng.choice(longest, min(count, longest), replace=False))
        wanted = (
            positions[:, None] * length + places
        ).ravel()  # of single tokens: NumPy is slow at two indices at once
        tokens = self.tokens.reshape(-1, self.tokens.shape[2])[wanted].reshape(len(positions), len(places), -1)
        found = {"vector": self.array[positions], "tokens": tokens}
        found |= {} if mask is None else {"mask": mask[:, places]}
        return {name: torch.from_numpy(np.array(a)) for name, a in found.items()}

    def without_tokens(self) -> "Stored":
        """Return the vectors alone; features that are tokens stay what they are."""
        return self if self.name == "tokens" else Stored(self.name, self.array)

    def __getstate__(self) -> dict[str, Any]:
        """Return what another process needs: of a memory-mapped file its place, not a copy of what it holds."""
        return {name: _place(value) for name, value in self.__dict__.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Map the files again."""
        self.__dict__.update({k: np.memmap(**v) if isinstance(v, dict) else v for k, v in state.items()})


def _place(value: object) -> object:
    """Return the arguments that map a file again, and anything but a whole mapped file as it is."""
    if isinstance(value, np.memmap) and isinstance(value.base, mmap.mmap) and value.filename is not None:
        place = {"filename": value.filename, "dtype": value.dtype, "offset": value.offset}
        return place | {"mode": "r", "shape": value.shape}
    return value


@dataclass(frozen=True)
class TextProvider:
    """Gives texts as an encoder's tensors.

    Attributes:
        texts: N texts.
        collate: strings -> tensors, the encoder's own.
    """

    texts: Sequence[str]
    collate: Callable[[list[str]], Inputs]

    def __call__(self, positions: np.ndarray) -> Inputs:
        """Return the tensors of some texts."""
        return self.collate([self.texts[i] for i in positions])

    def read(self, position: int) -> str:
        """Return one text."""
        return self.texts[position]


@dataclass(frozen=True)
class ImageProvider:
    """Reads pictures.

    Attributes:
        root: folder that ``refs`` are relative to.
        refs: N media references.
        image_px: side of the square they are brought to.
        fit: how; see `xret.data.reading.read_image`.
        collate: (3, H, W) uint8 arrays -> tensors, the encoder's own.
    """

    root: Path
    refs: Sequence[str]
    image_px: int
    fit: str
    collate: Callable[[list[np.ndarray]], Inputs]

    def __call__(self, positions: np.ndarray) -> Inputs:
        """Return the tensors of some pictures.

        Raises:
            BrokenItems: some of them cannot be read.
        """
        pictures: list[np.ndarray] = []
        faults: dict[int, BrokenMedia] = {}
        for i, position in enumerate(positions):
            try:
                pictures.append(self.read(int(position)))
            except BrokenMedia as error:
                faults[i] = error
        if faults:
            raise BrokenItems(faults)
        return self.collate(pictures)

    def read(self, position: int) -> np.ndarray:
        """Return one picture, (3, H, W) uint8.

        Raises:
            BrokenMedia: it cannot be read.
        """
        ref = self.refs[position]
        return read_image(media_path(self.root, ref), ref.partition("#")[2], self.image_px, self.fit)


@dataclass(frozen=True)
class KeptPictures:
    """Gives pictures that were read before and are kept in memory.

    Attributes:
        array: (N, 3, H, W) uint8.
        collate: (3, H, W) uint8 arrays -> tensors, the encoder's own.
    """

    array: np.ndarray
    collate: Callable[[list[np.ndarray]], Inputs]

    def __call__(self, positions: np.ndarray) -> Inputs:
        """Return the tensors of some pictures."""
        return self.collate(list(self.array[positions]))
