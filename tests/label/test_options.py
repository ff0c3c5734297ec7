"""What may be chosen from: what the user allows, else what training rows have, else what is shipped."""

import numpy as np

from xret.label import Rows
from xret.label._options import options
from xret.label.lexicon import shipped_labels


def test_allowed_labels_come_before_known_and_known_before_shipped():
    known = {"colour": ["teal", "", "jade", "only in test"]}
    rows = Rows([""] * 4, list("abcd"), np.array([True, True, True, False]), known)
    assert options(rows, {"colour": ["x", "y"]}) == {"colour": ["x", "y"]}
    assert options(rows, {"colour": None}) == {"colour": ["jade", "teal"]}
    assert options(rows, {"material": None}) == {"material": shipped_labels("material")}
