"""What a copy in half precision says holds for the vectors themselves."""

import numpy as np
import pytest
import torch

from xret.index import _half
from xret.index._half import Half

GRID = np.float32(1 + 2.0**-7)  # the number after 1 in bfloat16


@pytest.fixture(params=[True, False], ids=["multiplied", "looked_up"], autouse=True)
def multiplied(request, monkeypatch):
    monkeypatch.setattr(_half, "multiplies", lambda: request.param)
    return request.param


def beyond(vectors, queries, count):
    """Return the best score that `nearest` leaves out, per query, and what it says of it."""
    vectors, queries = np.asarray(vectors, np.float32), np.asarray(queries, np.float32)
    places, most = Half(vectors).nearest(queries, count)
    assert all(len(set(row)) == count for row in places.tolist())
    scores = queries.astype(np.float64) @ vectors.T.astype(np.float64)
    np.put_along_axis(scores, places, -np.inf, 1)
    return scores.max(axis=1), most


@pytest.mark.parametrize("scale", [1e-30, 1e-7, 1.0, 1e5, 1e15])
@pytest.mark.parametrize("queries", [1, 2, 300])
def test_no_vector_left_out_scores_more_than_is_said(scale, queries):
    rng = np.random.default_rng(0)
    asked = rng.standard_normal((queries, 24))
    best, most = beyond(scale * rng.standard_normal((3000, 24)), asked, 50)
    assert (best <= most).all()
    assert (most - best < 0.1 * scale * np.linalg.norm(asked, axis=1)).all(), "near enough to be of use"


def test_vectors_in_pieces_and_queries_in_lots_give_the_same(monkeypatch):
    rng = np.random.default_rng(1)
    vectors = rng.standard_normal((500, 8)).astype(np.float32)
    queries = rng.standard_normal((40, 8)).astype(np.float32)
    whole, most = Half(vectors).nearest(queries, 30)
    monkeypatch.setattr(_half, "_PIECE", 70)
    monkeypatch.setattr(_half, "_ROWS", 9)
    parts, same = Half(vectors).nearest(queries, 30)
    scores = torch.from_numpy(vectors).bfloat16().float().numpy() @ queries.T
    for row, (one, other) in enumerate(zip(whole, parts, strict=True)):
        assert np.sort(scores[one, row])[5:] == pytest.approx(np.sort(scores[other, row])[5:], rel=0.01)
    assert same == pytest.approx(most, rel=1e-6)


def wide(**numbers):
    """Return a row whose numbers stand so far apart that a processor adds them up one after another."""
    row = np.zeros(96, np.float32)
    for place, number in zip((0, 32, 64), numbers.values(), strict=True):
        row[place] = number
    return row


@pytest.mark.parametrize(
    ("best", "other", "query"),
    [
        ([1 + 2.0**-8 - 2.0**-16] * 2, [GRID, 1], [1, 1]),
        ([1, -1], [2.0**-10, 0], [1 + 2.0**-8 - 2.0**-16, 1 - 2.0**-9 + 2.0**-16]),
        ([256, 0.75], [256, 0], [1, 1]),
        (wide(a=2.0**30, b=1, c=-(2.0**30)), wide(a=0.5, b=0, c=0), wide(a=1, b=1, c=1)),
        ([1.5 * 2.0**-127, 0], [0, 2.0**-10], [2.0**120, 1]),
    ],
    ids=["a number of the vector", "of the query", "of the result", "the sum", "to zero"],
)
def test_what_rounding_takes_away_is_allowed_for(best, other, query):
    score, most = beyond([other, other, best], [query] * 2, 2)
    assert (score <= most).all()


def test_all_are_given_where_so_many_are_asked_for():
    places, most = Half(np.eye(3, dtype=np.float32)).nearest(np.eye(3, dtype=np.float32)[:2], 7)
    assert places.tolist() == [[0, 1, 2]] * 2
    assert (most == -np.inf).all()


@pytest.mark.parametrize("broken", [np.nan, np.inf, 3.4e38])
def test_nothing_is_said_of_what_a_copy_cannot_hold(broken):
    vectors = np.eye(4, dtype=np.float32)
    vectors[3, 3] = broken
    _, most = Half(vectors).nearest(np.ones((2, 4), np.float32), 2)
    assert not (most < 1e30).any()
