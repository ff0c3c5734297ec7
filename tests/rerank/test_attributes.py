"""Attributes: whole words in order, per attribute."""

import numpy as np
import pytest

from xret.rerank import Candidates, Query
from xret.rerank.attributes import Attributes

HELD = [{"colour": "red"}, {"colour": "Dark Red", "shape": "dress"}, {"colour": "red dark"}, {"colour": ""}, {}]


def scores(text, **settings):
    candidates = Candidates(np.zeros(5, np.float32), HELD, lambda: np.zeros((5, 1)))
    return Attributes(weight=0.1, **settings)(Query(text), candidates)


def test_each_attribute_that_the_query_names_counts_once():
    np.testing.assert_allclose(scores("a DARK-red dress, dark red"), [0.1, 0.2, 0, 0, 0])
    np.testing.assert_allclose(scores("red dark thing"), [0.1, 0, 0.1, 0, 0])


def test_a_word_inside_another_is_not_named():
    np.testing.assert_allclose(scores("a tired address"), np.zeros(5))


def test_only_the_attributes_asked_for_count():
    np.testing.assert_allclose(scores("a dark red dress", names=("shape",)), [0, 0.1, 0, 0, 0])


def test_a_picture_changes_nothing():
    np.testing.assert_allclose(scores(""), np.zeros(5))


def test_what_is_out_of_range_is_refused():
    with pytest.raises(ValueError, match="depth > 1 and weight > 0"):
        Attributes(weight=0)
