"""Mixing two scores that have nothing in common, against hand values."""

import numpy as np
import pytest

from xret.commands._rerank import Candidates, Mix, SecondStage, _spread
from xret.protocol import Relevance, Task

DIAGONAL = Relevance(np.arange(4), np.arange(3), np.ones(3, np.float32))


def second(logits):
    """Three queries and targets: the first stage ranks the right answers 1, 2 and 3."""
    angles = np.radians([0, 30, 60])
    targets = np.stack([np.cos(angles), np.sin(angles)], 1).astype(np.float32)
    queries = targets[[0, 0, 0]]
    task = Task("text", "image", np.arange(3), np.arange(3), np.arange(3), DIAGONAL)
    stage = SecondStage.__new__(SecondStage)
    stage.k, stage.vectors, stage.mix = 3, {"text": queries, "image": targets}, None
    cosines = np.tile(np.cos(angles), (3, 1)).astype(np.float32)
    stage.candidates = [Candidates(task, np.tile(np.arange(3), (3, 1)), cosines, np.asarray(logits, np.float32))]
    return stage, task


def test_spread_is_the_root_mean_square_about_the_mean_of_each_query():
    assert _spread([np.array([[1.0, 3.0]]), np.array([[10.0, 16.0]])]) == pytest.approx(np.sqrt((1 + 1 + 9 + 9) / 4))
    assert _spread([np.ones((2, 3))]) == 1


def test_scores_are_shares_of_what_is_measured_in_its_own_unit():
    mix = Mix(k=2, share=0.25, cosine_unit=0.1, logit_unit=4.0)
    assert mix(np.array([[0.5, 0.2]]), np.array([[-8.0, 8.0]])).tolist() == [pytest.approx([3.25, 2.0])]


def test_a_matcher_that_knows_is_listened_to_and_one_that_knows_nothing_is_not():
    knows, task = second(10 * np.eye(3))
    assert knows.choose().share > 0
    assert knows(task, np.array([1, 2, 3])).tolist() == [1, 1, 1]
    lies, task = second(-10 * np.eye(3))
    assert lies.choose().share == 0
    assert lies(task, np.array([1, 2, 3])).tolist() == [1, 2, 3]
    assert lies.choose(1.0).share == 1
    assert lies(task, np.array([1, 2, 3])).tolist() == [3, 3, 3]
