"""The best targets, against sorting every score."""

import numpy as np
import pytest

from xret.metric import _tiles
from xret.metric import top_k as module
from xret.metric.top_k import top_k


def unit(rng, rows, dim=8):
    vectors = rng.standard_normal((rows, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize(("queries", "targets", "k"), [(1, 1, 1), (5, 300, 7), (200, 100, 10), (3, 4, 9)])
@pytest.mark.parametrize("columns", [4096, 70, 3])
def test_equals_sorting_everything(monkeypatch, queries, targets, k, columns):
    monkeypatch.setattr(module, "TARGETS", columns)
    monkeypatch.setattr(_tiles, "QUERIES", 128)
    rng = np.random.default_rng(queries)
    q, t = unit(rng, queries), unit(rng, targets)
    indices, scores = top_k(q, t, k)
    exact = q.astype(np.float64) @ t.T.astype(np.float64)
    best = np.argsort(-exact, axis=1)[:, :k]
    assert (indices == best).all()
    np.testing.assert_allclose(scores, np.take_along_axis(exact, best, axis=1), atol=1e-6)


def test_equal_scores_stand_by_index():
    t = np.repeat(np.eye(2, dtype=np.float32), 3, axis=0)
    indices, _ = top_k(np.eye(2, dtype=np.float32), t, 4)
    assert indices.tolist() == [[0, 1, 2, 3], [3, 4, 5, 0]]


def test_no_queries_give_no_rows():
    indices, scores = top_k(np.empty((0, 2), np.float32), np.eye(2, dtype=np.float32), 5)
    assert indices.shape == scores.shape == (0, 2)


def test_refuses_what_cannot_be_ranked():
    vectors = np.eye(2, dtype=np.float32)
    with pytest.raises(ValueError, match="k must be at least 1, got 0"):
        top_k(vectors, vectors, 0)
    with pytest.raises(ValueError, match="target vectors must be finite"):
        top_k(vectors, np.full((1, 2), np.nan, dtype=np.float32))
    with pytest.raises(ValueError, match="must be"):
        top_k(vectors, np.ones((2, 3), dtype=np.float32))
