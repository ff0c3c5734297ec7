"""What all label steps keep to, on values of all kinds."""

import random
from pathlib import Path

import numpy as np
import pytest

import xret.clean.labels
from xret.clean.labels.embedding import Embedding
from xret.clean.labels.fuzzy import Fuzzy
from xret.clean.labels.normal import Normal
from xret.clean.labels.synonyms import Synonyms

MAKE = {
    "normal": Normal,
    "synonyms": lambda: Synonyms({"vintage": ["retro"]}),
    "fuzzy": Fuzzy,
    "embedding": lambda: Embedding(encode=lambda names: np.array([[1 + len(n), 1 + n.count(" ")] for n in names])),
}
PIECES = [
    "Red", "red", "reds", "floral", "florral", "FLORAL", "-", "_", "--", "\u2013", ".", ",", "!", "(", ")", "'",
    "\u2019", "&", "5", "-5", "1/2", "红色", "风格", "kind", "\u3000", "\uff21\uff22", "", "vintage", "retro", "grey",
]  # fmt: skip


@pytest.fixture(scope="module")
def values():
    rng = random.Random(0)
    made = ["".join(rng.choice(PIECES) + rng.choice(["", " "]) for _ in range(rng.randint(1, 5))) for _ in range(1500)]
    return ["", " ", "\x00", "\ud800", "İstanbul", "ﬁne", "e\u0301", "x" * 5000, "- " * 90, *made, *["floral"] * 50]


@pytest.mark.parametrize("name", MAKE)
def test_a_step_is_settled_and_tells_what_it_changes(name, values):
    step = MAKE[name]()
    if hasattr(step, "fit"):
        step.fit([("kind", value) for value in values])
    changed = 0
    for value in values:
        found = step(value)
        assert (found.reason != "") == (found.value != value), (value, found)
        assert found.value.strip() or not value.strip(), (value, found)
        assert step(found.value).value == found.value, (value, found, step(found.value))
        assert 0 <= found.evidence <= 1
        changed += found.value != value
    assert changed > 0


def test_every_step_of_the_package_is_here():
    files = {path.stem for path in Path(xret.clean.labels.__file__).parent.glob("[!_]*.py")}
    assert files == set(MAKE)
