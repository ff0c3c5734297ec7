"""Fusion: what the matcher says is what counts, and without one it is refused."""

import numpy as np
import pytest

from xret._errors import UserError
from xret.rerank import Candidates, Query
from xret.rerank.fusion import Fusion


def test_the_order_is_that_of_the_mixed_scores():
    candidates = Candidates(np.array([0.9, 0.1], np.float32), [{}] * 2, lambda: np.zeros((2, 1)), lambda: [0.2, 0.7])
    np.testing.assert_allclose(Fusion()(Query("x"), candidates), [0.2, 0.7])


def test_a_run_without_a_second_stage_is_refused():
    with pytest.raises(UserError, match="rerank=fusion needs a run with a second stage"):
        Fusion()(Query("x"), Candidates(np.zeros(2, np.float32), [{}] * 2, lambda: np.zeros((2, 1))))


def test_a_single_candidate_is_no_order():
    with pytest.raises(ValueError, match="depth must be at least 2"):
        Fusion(depth=1)
