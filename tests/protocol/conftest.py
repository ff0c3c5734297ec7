"""Items by hand."""

import itertools
from dataclasses import dataclass

import numpy as np
import pytest


@dataclass(frozen=True)
class Items:
    """The least that a protocol asks for."""

    modality: str
    refs: tuple
    groups: np.ndarray

    def __len__(self):
        return len(self.refs)


@pytest.fixture
def items():
    """Return a function: modality -> groups of its items, to modality -> items named "text0", "text1", ..."""

    def make(**groups):
        return {
            modality: Items(modality, tuple(f"{modality}{i}" for i in range(len(g))), np.array(g, dtype=np.int64))
            for modality, g in groups.items()
        }

    return make


@pytest.fixture
def right_answers():
    """Return a function: task -> {query position: {target position: gain}}."""

    def read(task):
        offsets, columns, gains = task.relevance
        assert len(offsets) == len(task.queries) + 1
        rows = [slice(*ends) for ends in itertools.pairwise(offsets)]
        return {
            int(query): dict(zip(task.targets[columns[row]].tolist(), gains[row].tolist(), strict=True))
            for query, row in zip(task.queries, rows, strict=True)
        }

    return read
