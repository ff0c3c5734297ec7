"""An inverted file; and transforms, storage and refinement, which all indices of faiss share."""

import faiss
import numpy as np
import pytest

from xret._errors import UserError
from xret.index.hnsw import HNSW
from xret.index.ivf import IVF


def test_holds_the_contract(holds_the_contract):
    holds_the_contract(lambda: IVF(cells=40, probes=8), recall=0.95)


def test_holds_the_contract_with_everything_on(holds_the_contract):
    options = {"storage": "int8", "transform": "pca", "transform_dim": 24, "refine": 8, "refine_storage": "float16"}
    holds_the_contract(lambda: IVF(cells=40, probes=10, **options), recall=0.95)


def test_more_probes_find_more_and_all_cells_find_all(plain):
    nearest, overlap = plain
    scattered = np.random.default_rng(0).standard_normal((1050, 32)).astype(np.float32)
    scattered /= np.linalg.norm(scattered, axis=1, keepdims=True)
    targets, queries = scattered[:1000], scattered[1000:]
    index = IVF(cells=20)
    index.build([targets])
    truth = nearest(queries, targets, 10)
    found = []
    for index.effort in (1, 2, 20):
        found.append(overlap(index.search(queries, 10)[0], truth))
    assert found[0] < found[1] < found[2] == 1


def test_pca_keeps_the_scores_of_vectors_that_lie_in_fewer_dimensions(plain):
    nearest, _ = plain
    rng = np.random.default_rng(0)
    turn = np.linalg.qr(rng.standard_normal((32, 32)))[0]
    flat = rng.standard_normal((700, 6)) + 2  # far from the origin, so that a mean taken away would show
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    inside = (flat @ turn[:6]).astype(np.float32)
    queries, targets = inside[:100], inside[100:]
    index = IVF(cells=4, probes=4, transform="pca", transform_dim=6)
    index.build([targets])
    found, scores = index.search(queries, 5)
    truth = nearest(queries, targets, 5)
    assert np.abs(scores - np.take_along_axis(queries @ targets.T, truth, 1)).max() < 1e-5
    assert (found == truth).mean() > 0.99


def test_scores_of_shortened_vectors_are_cosines(vectors, shards):
    index = IVF(cells=4, probes=4, transform="pca", transform_dim=4)
    index.build(shards)
    _, scores = index.search(vectors[0][:20], 1)
    assert np.abs(scores - 1).max() < 1e-5


def test_whitening_evens_out_the_spread_of_all_directions():
    from xret.index._transforms import fitted

    rng = np.random.default_rng(0)
    sample = (rng.standard_normal((5000, 8)) * np.arange(1, 9) + 3).astype(np.float32)
    white = fitted("whiten", 5, sample, 1)[0].apply(sample)
    assert white.shape == (5000, 5)
    assert np.abs(np.cov(white.T) - np.eye(5)).max() < 0.01
    assert np.abs(white.mean(axis=0)).max() < 0.01


def test_refinement_gives_exact_cosines_of_the_vectors_themselves(vectors, shards):
    targets, queries = vectors
    index = IVF(cells=4, probes=4, storage="int8", transform="pca", transform_dim=8, refine=4)
    index.build(shards)
    found, scores = index.search(queries, 3)
    exact = np.einsum("qkd,qd->qk", targets[found], queries)
    assert np.abs(scores - exact).max() < 1e-6


def test_a_shortening_costs_recall_and_refinement_gives_some_back(vectors, shards, plain):
    nearest, overlap = plain
    targets, queries = vectors
    truth, kept = nearest(queries, targets, 10), []
    for refine in (0, 2, 8):
        index = IVF(cells=4, probes=4, transform="pca", transform_dim=8, refine=refine)
        index.build(shards)
        kept.append(overlap(index.search(queries, 10)[0], truth))
    assert kept[0] < kept[1] < kept[2]


def test_only_a_sample_of_the_given_size_is_fitted_on(shards, monkeypatch):
    seen = []
    train = faiss.IndexIVFFlat.train
    monkeypatch.setattr(faiss.IndexIVFFlat, "train", lambda self, x: seen.append(x.shape) or train(self, x))
    IVF(train_size=300).build(shards)
    assert seen == [(300, 32)]


@pytest.mark.parametrize("content", [b"", b"IwFl", b"nonsense" * 100])
def test_a_broken_file_is_refused(tmp_path, content):
    (tmp_path / "index.faiss").write_bytes(content)
    with pytest.raises(UserError, match="build it again"):
        IVF().load(tmp_path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"cells": 0}, "cells"),
        ({"probes": 0}, "effort"),
        ({"storage": "bfloat16"}, "storage must be one of float32"),
        ({"transform": "lda"}, "transform must be"),
        ({"transform_dim": 8}, "needs a transform"),
        ({"refine": 0.5}, "refine"),
        ({"refine_storage": "int4"}, "refine_storage"),
        ({"train_size": 0}, "train_size"),
    ],
)
def test_refuses_what_is_out_of_range(options, message):
    with pytest.raises(ValueError, match=message):
        IVF(**options)


def test_refuses_to_make_vectors_longer(shards):
    with pytest.raises(ValueError, match="at most the 32 numbers"):
        IVF(transform="pca", transform_dim=64).build(shards)


def test_settings_of_one_search_are_not_taken_for_another(vectors, shards):
    targets, queries = vectors
    index = IVF()
    index.build(shards)
    index.effort = 2
    free, _ = index.search(queries, 1)
    allowed = np.ones(len(targets), bool)
    allowed[free[0, 0]] = False
    index.effort = 1  # which becomes 2 where something is not allowed
    found, _ = index.search(queries, 1, allowed)
    assert found[0, 0] != free[0, 0]
    index.effort = 2
    assert np.array_equal(index.search(queries, 1)[0], free)


def test_what_was_added_since_is_searched_as_far(vectors):
    targets, queries = vectors
    index, anew = (HNSW(links=2, build_candidates=4, candidates=1000) for _ in range(2))
    index.build([targets[:20]])
    index.search(queries, 10)
    index.add([targets[20:]])
    anew.build([targets[:20], targets[20:]])
    assert np.array_equal(index.search(queries, 10)[0], anew.search(queries, 10)[0])
