"""Neighbours that vote, on angles small enough to check by hand."""

import math

import numpy as np
import pytest

from xret._errors import UserError
from xret.label import NONE, Rows
from xret.label.neighbours import Neighbours

T = 0.07


def at(*degrees):
    return np.array([[math.cos(math.radians(d)), math.sin(math.radians(d))] for d in degrees], np.float32)


def rows(vectors, known, groups=None, training=None):
    count = len(vectors)
    return Rows(
        captions=[""] * count,
        groups=groups or [str(i) for i in range(count)],
        training=np.array(training or [True] * count),
        known={"colour": known},
        vectors=lambda modality: {"image": vectors}[modality],
    )


def vote(given, labels=None, **settings):
    return Neighbours(**settings)(given, {"colour": labels})["colour"]


def test_votes_are_weighted_by_similarity_and_the_share_is_the_confidence():
    found = vote(rows(at(0, 10, 20, 90), ["", "red", "blue", "red"]), k=2)[0]
    red, blue = (math.exp(math.cos(math.radians(d)) / T) for d in (10, 20))
    assert found.value == "red"
    assert found.confidence == pytest.approx(red / (red + blue), rel=1e-4)


def test_only_k_neighbours_vote():
    known = ["", "red", "blue", "blue", "blue"]
    assert vote(rows(at(0, 5, 6, 7, 8), known), k=1)[0].value == "red"
    assert vote(rows(at(0, 5, 6, 7, 8), known), k=4)[0].value == "blue"


def test_a_row_is_never_told_by_its_own_group_nor_by_itself():
    found = vote(rows(at(0, 0, 60), ["red", "red", "blue"], groups=["a", "a", "b"]), k=3)
    assert [label.value for label in found] == ["blue", "blue", "red"]
    assert found[0].confidence == 1.0
    assert vote(rows(at(0, 1), ["red", "red"], groups=["a", "a"])) == [NONE, NONE]


def test_only_training_rows_and_allowed_labels_vote():
    known = ["", "red", "blue"]
    assert vote(rows(at(0, 5, 50), known, training=[True, False, True]))[0].value == "blue"
    assert vote(rows(at(0, 5, 50), known), labels=["blue"])[0].value == "blue"


def test_equal_pictures_of_a_group_have_one_vote():
    once = vote(rows(at(0, 10, 12), ["", "red", "blue"], groups=["x", "a", "b"]))[0]
    many = vote(rows(at(0, 10, 12, 12, 12), ["", "red", *["blue"] * 3], groups=["x", "a", "b", "b", "b"]))[0]
    assert many == once
    assert once.value == "red"


def test_a_row_without_a_vector_neither_votes_nor_is_labelled():
    vectors = np.concatenate([at(0, 20), np.zeros((1, 2), np.float32)])
    assert [label.value for label in vote(rows(vectors, ["", "red", "blue"]), k=5)] == ["red", None, None]


def test_it_agrees_with_a_slow_loop_over_blocks(monkeypatch):
    monkeypatch.setattr("xret.label.neighbours._CELLS", 100)
    rng = np.random.default_rng(3)
    vectors = rng.standard_normal((60, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known = [("", "a", "b", "c")[i] for i in rng.integers(4, size=60)]
    groups = [str(i) for i in rng.integers(20, size=60)]
    training = (rng.random(60) < 0.7).tolist()
    found = vote(rows(vectors, known, groups, training), k=5)
    for i in range(60):
        able = [j for j in range(60) if training[j] and known[j] and groups[j] != groups[i]]
        able.sort(key=lambda j, i=i: -float(vectors[i] @ vectors[j]))
        votes = {}
        for j in able[:5]:
            votes[known[j]] = votes.get(known[j], 0) + math.exp(float(vectors[i] @ vectors[j]) / T)
        best = max(votes, key=votes.get)
        assert found[i].value == best
        assert found[i].confidence == pytest.approx(votes[best] / sum(votes.values()), rel=1e-4)


def test_a_mistake_is_told():
    with pytest.raises(ValueError, match="k must be at least 1"):
        Neighbours(k=0)
    with pytest.raises(ValueError, match="temperature must be more than 0"):
        Neighbours(temperature=0)
    with pytest.raises(UserError, match="run=DIR"):
        Neighbours()(Rows(["a"], ["g"], np.ones(1, bool)), {"colour": None})
    with pytest.raises(UserError, match="the rows have the attributes colour"):
        Neighbours()(rows(at(0), [""]), {"style": None})


def test_voters_are_counted():
    source = Neighbours()
    source(rows(at(0, 10, 20), ["", "red", "blue"], training=[True, True, False]), {"colour": None})
    assert source.report() == {"voters_colour": 1}
