"""Held-out judgement: every pair once, never by a start that saw its group."""

import numpy as np
import pytest
import scipy.sparse

from xret.start import Affine
from xret.start.cca import CCA
from xret.start.crossfit import held_out, scores_across

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


def test_halves_are_scored_by_starts_that_saw_neither_pair():
    """Each row of the first is scored by fits without its pair, each of the second by fits without its own."""
    rng = np.random.default_rng(0)
    pairs = {m: rng.normal(size=(60, 2)) for m in ("text", "image")}
    plans = []

    def start(given, dim, weight=None, plan=None):
        plans.append(plan.toarray())
        turn = np.deg2rad(10 * len(plans))
        matrix = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
        parts = {"text": np.eye(2), "image": matrix}
        return {m: Affine(np.zeros(2), np.ones(2), part, np.zeros(2)) for m, part in parts.items()}

    plan = scipy.sparse.csr_array(rng.random((60, 60)))
    ((rows, scores),) = scores_across(start, pairs, 2, GROUPS, 3, 2, np.random.default_rng(1), plan)
    assert sorted(rows) == list(range(60))
    assert len(plans) == 6
    expected = np.zeros((60, 60))
    for number, used in enumerate(plans, start=1):
        held = ~used.any(axis=1)
        assert (held == ~used.any(axis=0)).all()
        assert not set(GROUPS[held]) & set(GROUPS[~held])
        np.testing.assert_array_equal(used[np.ix_(~held, ~held)], plan.toarray()[np.ix_(~held, ~held)])
        turn = np.deg2rad(10 * number)
        image = pairs["image"] @ np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]]).T
        unit = [v / np.linalg.norm(v, axis=1, keepdims=True) for v in (pairs["text"], image)]
        expected += unit[0] @ unit[1].T * (held[:, None] * 1.0 + held[None, :]) / 4
    np.testing.assert_allclose(scores, expected[np.ix_(rows, rows)], atol=1e-5)


def test_many_rows_are_scored_in_blocks():
    pairs = {m: np.ones((4200, 2)) for m in ("text", "image")}
    plan = scipy.sparse.eye_array(4200, format="csr")
    parts = (np.zeros(2), np.ones(2), np.eye(2), np.zeros(2))

    def start(given, dim, weight=None, plan=None):
        return {m: Affine(*parts) for m in given}

    blocks = [s.shape for _, s in scores_across(start, pairs, 2, np.arange(4200), 2, 1, np.random.default_rng(0), plan)]
    assert blocks == [(1400, 1400)] * 3
