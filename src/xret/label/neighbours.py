"""Labels by neighbours: what the nearest labelled rows are called."""

from collections.abc import Sequence

import numpy as np

from xret._errors import UserError
from xret.label import NONE, Attributes, Label, Rows

_CELLS = 16_000_000  # cosines at a time, to bound memory


class Neighbours:
    """Lets the nearest labelled training rows vote, each with exp(cosine / temperature).

    Rows of one group never vote for each other, and equal pictures of one group have one vote. The confidence is the
    share of the vote. So a row that has a label gets the one it would have without its group: what is equal of these is
    leave-one-group-out accuracy.

    Source: Wu et al. 2018, https://arxiv.org/abs/1805.01978 (sec. 3.4), whose k is 200 and temperature 0.07.

    Args:
        k: neighbours that vote, at least 1.
        temperature: of the votes, more than 0; larger: nearer to equal votes.
        modality: whose vectors are compared: image, or text.

    Raises:
        ValueError: an argument is outside what is stated here.
    """

    def __init__(self, k: int = 10, temperature: float = 0.07, modality: str = "image") -> None:
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        if not temperature > 0:
            raise ValueError(f"temperature must be more than 0, got {temperature}")
        self.k, self.temperature, self.modality = k, temperature, modality
        self._voters: dict[str, int] = {}

    def __call__(self, rows: Rows, attributes: Attributes) -> dict[str, list[Label]]:
        """Label R rows; those without a vector get no label.

        Args:
            rows: with vectors.
            attributes: name -> labels that may vote; None: all. One that no training row has is left without labels.

        Raises:
            UserError: there are no vectors, or no training row has any of the attributes.
        """
        if rows.vectors is None:
            raise UserError("neighbours compares vectors: name a run that gives them, run=DIR, or encoder=clip")
        labels = {name: _allowed(rows, name, allowed) for name, allowed in attributes.items()}
        self._voters = {name: sum(map(bool, known)) for name, known in labels.items()}
        if not any(self._voters.values()):
            raise UserError(
                f"neighbours needs training rows with a label of {', '.join(attributes)}, and none has one; the rows "
                f"have the attributes {', '.join(rows.known) or 'none'}: attributes={{NAME: null}}"
            )
        vectors, groups = rows.vectors(self.modality), _numbers(rows.groups)
        return {name: self._vote(vectors, groups, known) for name, known in labels.items()}

    def report(self) -> dict[str, int]:
        """Return how many rows may vote, by attribute."""
        return {f"voters_{name}": count for name, count in self._voters.items()}

    def _vote(self, vectors: np.ndarray, groups: np.ndarray, known: Sequence[str]) -> list[Label]:
        """Return the label of each of R rows, by the rows that have one in ``known``."""
        there = np.abs(vectors).max(axis=1) > 0
        once = {(groups[i], vectors[i].tobytes(), known[i]): i for i in reversed(np.flatnonzero(there)) if known[i]}
        voters = np.array(sorted(once.values()), dtype=np.int64)
        if not len(voters):
            return [NONE] * len(vectors)
        names = sorted({known[i] for i in voters})
        votes_for = np.array([names.index(known[i]) for i in voters])
        found: list[Label] = []
        size = max(1, _CELLS // len(voters))
        for begin in range(0, len(vectors), size):
            block = slice(begin, begin + size)
            cosines = vectors[block] @ vectors[voters].T
            cosines[groups[block, None] == groups[voters]] = -np.inf
            shares = self._shares(cosines, votes_for, len(names))
            found.extend(_label(share, names) if own else NONE for share, own in zip(shares, there[block], strict=True))
        return found

    def _shares(self, cosines: np.ndarray, votes_for: np.ndarray, labels: int) -> np.ndarray:
        """Return (B, labels): what share of the vote each label gets; zero where no one may vote."""
        k = min(self.k, cosines.shape[1])
        nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        near = np.take_along_axis(cosines, nearest, axis=1).astype(np.float64)
        top = near.max(axis=1, keepdims=True).clip(min=-1)  # where no one may vote, it is -inf
        votes = np.exp((near - top) / self.temperature)
        shares = np.zeros((len(cosines), labels))
        np.add.at(shares, (np.arange(len(cosines))[:, None], votes_for[nearest]), votes)
        return np.asarray(shares / shares.sum(axis=1, keepdims=True).clip(min=1e-12))


def _allowed(rows: Rows, name: str, allowed: Sequence[str] | None) -> list[str]:
    """Return the labels that may vote, "" in place of others."""
    known = rows.known.get(name, [""] * len(rows))
    may = set(known) if allowed is None else set(allowed)
    return [label if training and label in may else "" for label, training in zip(known, rows.training, strict=True)]


def _label(shares: np.ndarray, names: Sequence[str]) -> Label:
    best = int(shares.argmax())
    return Label(names[best], float(shares[best])) if shares[best] > 0 else NONE


def _numbers(groups: Sequence[str]) -> np.ndarray:
    seen: dict[str, int] = {}
    return np.array([seen.setdefault(group, len(seen)) for group in groups], dtype=np.int64)
