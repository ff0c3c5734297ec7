"""Held-out judgement: every pair once, never by a start that saw its group."""

import numpy as np
import pytest

from xret.start import Affine
from xret.start.cca import CCA
from xret.start.crossfit import held_out

GROUPS = np.repeat(np.arange(20), 3)


def spy(seen):
    def start(pairs, dim, weight=None):
        seen.append((pairs["text"][:, 0].copy(), weight))
        part = (np.zeros(2), np.ones(2), np.eye(2), np.zeros(2))
        return {m: Affine(*part) for m in pairs}

    return start


def test_every_pair_is_given_once_and_its_group_was_not_fitted():
    pairs = {m: np.column_stack([np.arange(60.0), np.ones(60)]) for m in ("text", "image")}
    seen, given, weight = [], [], np.arange(60.0)
    for rows, vectors in held_out(spy(seen), pairs, 2, GROUPS, 4, np.random.default_rng(0), weight):
        fitted, part = seen[-1]
        assert not set(GROUPS[rows]) & set(GROUPS[fitted.astype(int)])
        assert (part == fitted).all(), "weights follow their rows"
        np.testing.assert_allclose(np.linalg.norm(vectors["text"], axis=1), 1)
        np.testing.assert_allclose(vectors["text"][:, 0] / vectors["text"][:, 1], pairs["text"][rows, 0])
        given += rows.tolist()
    assert sorted(given) == list(range(60))
    assert len(seen) == 4


def test_many_pairs_are_judged_in_parts_of_nearly_one_size():
    pairs = {m: np.ones((4200, 2)) for m in ("text", "image")}
    sizes = [len(r) for r, _ in held_out(spy([]), pairs, 2, np.arange(4200), 2, np.random.default_rng(0))]
    assert sizes == [700] * 6


def test_false_pairs_stand_out_and_are_no_nearer_than_chance():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(300, 6))
    x = (shared @ rng.normal(size=(6, 200)) + rng.normal(size=(300, 200))).astype(np.float32)
    y = (shared @ rng.normal(size=(6, 150)) + rng.normal(size=(300, 150))).astype(np.float32)
    false = np.arange(300) < 100
    y[:100] = y[np.roll(np.arange(100), 1)]
    pairs, start = {"text": x, "image": y}, CCA(1.0)
    cosine = np.empty(300)
    for rows, v in held_out(start, pairs, 6, np.arange(300), 5, rng):
        cosine[rows] = (v["text"] * v["image"]).sum(1)
    assert (cosine[false][:, None] < cosine[~false][None]).mean() > 0.95
    assert abs(cosine[false].mean()) < 0.1, "a start that saw a false pair would have bent towards it"


def test_refuses_more_folds_than_groups():
    pairs = {m: np.ones((6, 2)) for m in ("text", "image")}
    with pytest.raises(ValueError, match=r"2 groups cannot be cut into 5 folds.*start_folds"):
        next(held_out(spy([]), pairs, 2, np.array([0, 0, 0, 1, 1, 1]), 5, np.random.default_rng(0)))
