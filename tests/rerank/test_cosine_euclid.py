"""Cosine, then Euclid: by hand."""

import numpy as np
import pytest

from xret.rerank import Candidates, Query
from xret.rerank.cosine_euclid import CosineEuclid

FEATURES = np.array([[3.0, 0.0], [0.0, 1.0], [6.0, 0.0]])
CANDIDATES = Candidates(np.array([0.9, 0.8, 0.7], np.float32), [{}] * 3, lambda: FEATURES)


def test_a_picture_is_compared_with_every_candidate_by_distance_not_by_angle():
    scores = CosineEuclid()(Query(features=lambda: np.array([5.0, 0.0])), CANDIDATES)
    np.testing.assert_allclose(scores, [-2.0, -np.sqrt(26), -1.0])


def test_the_list_of_a_text_is_held_to_its_first_answer():
    scores = CosineEuclid()(Query("a dress"), CANDIDATES)
    np.testing.assert_allclose(scores, [0.0, -np.sqrt(10), -3.0])


def test_a_single_candidate_is_no_order():
    with pytest.raises(ValueError, match="depth must be at least 2"):
        CosineEuclid(depth=1)
