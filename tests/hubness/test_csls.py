"""CSLS: its order is that of the paper's two-sided formula."""

import numpy as np
import pytest

from xret.hubness.csls import CSLS


def test_the_order_is_that_of_the_two_sided_formula():
    rng = np.random.default_rng(0)
    bank, targets, queries = (rng.standard_normal((n, 5)).astype(np.float32) for n in (20, 40, 6))
    asked, ranked = CSLS(neighbours=3)(bank, targets).widened(queries, targets)
    scores = queries @ targets.T
    of_query = np.sort(scores, axis=1)[:, -3:].mean(axis=1)
    of_target = np.sort(targets @ bank.T, axis=1)[:, -3:].mean(axis=1)
    two_sided = 2 * scores - of_query[:, None] - of_target[None, :]
    np.testing.assert_array_equal(np.argsort(-(asked @ ranked.T)), np.argsort(-two_sided))


def test_fewer_than_one_neighbour_is_refused():
    with pytest.raises(ValueError, match="neighbours must be at least 1, got 0"):
        CSLS(neighbours=0)
