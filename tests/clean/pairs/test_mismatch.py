"""Mismatches: swapped pairs score worst, and no model scores what it has seen."""

import numpy as np
import pytest

from xret.clean.pairs import Pairs
from xret.clean.pairs.mismatch import Mismatch


def data(count=600, swapped=30, seed=0, groups=None):
    """Pairs of vectors that share eight hidden numbers, the first ones with each other's text."""
    rng = np.random.default_rng(seed)
    hidden = rng.standard_normal((count, 8))
    image = hidden @ rng.standard_normal((8, 32)) + 0.3 * rng.standard_normal((count, 32))
    text = hidden @ rng.standard_normal((8, 24)) + 0.3 * rng.standard_normal((count, 24))
    text[:swapped] = np.roll(text[:swapped], 1, axis=0)
    ids = [f"{i}" for i in range(count)]
    vectors = {"image": image.astype(np.float32), "text": text.astype(np.float32)}
    return Pairs(ids, groups or ids, ["train"] * count, [""] * count, np.arange(count), vectors=lambda: vectors)


def test_swapped_pairs_are_what_is_reported_and_nothing_is_dropped():
    findings = Mismatch(share=0.05)(data())
    swapped = [finding for finding in findings if int(finding.rows[0]) < 30]
    assert len(swapped) >= 0.6 * 30  # a swapped pair is at a random place: seven of ten lie beyond 0.3
    assert len(swapped) >= 0.9 * len(findings)
    assert not any(finding.drop for finding in findings)
    assert [f.evidence for f in findings] == sorted((f.evidence for f in findings), reverse=True)


def test_the_score_of_a_pair_at_random_is_a_half():
    scores = Mismatch().scores(data(swapped=600))
    assert scores.mean() == pytest.approx(0.5, abs=0.05)


def test_the_score_is_what_a_plain_regression_on_the_other_folds_gives():
    given, step = data(count=60, swapped=5), Mismatch(folds=2, ridge=0.5)
    scores, vectors = step.scores(given), given.vectors()
    x, y = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (vectors["image"], vectors["text"]))
    from xret.clean.pairs.mismatch import _draw

    fold = np.array([_draw(name) % 2 for name in given.ids])
    for k in (0, 1):
        mean_x, mean_y = x[fold != k].mean(0), y[fold != k].mean(0)
        a, b = x[fold != k] - mean_x, y[fold != k] - mean_y
        square = a.T @ a
        weights = np.linalg.inv(square + 0.5 * np.trace(square) / 32 * np.eye(32)) @ a.T @ b
        for i in np.flatnonzero(fold == k):
            guess = (x[i] - mean_x) @ weights + mean_y
            likeness = [float(guess @ y[j]) for j in np.flatnonzero(fold == k)]
            better = sum(value > float(guess @ y[i]) + 1e-6 for value in likeness)
            assert scores[i] == pytest.approx(better / (len(likeness) - 1), abs=1.1 / (len(likeness) - 1))


def test_rows_of_a_group_share_a_fold_and_do_not_count_against_each_other():
    count = 400
    given = data(count, swapped=0, groups=[f"{i // 4}" for i in range(count)])
    vectors = given.vectors()
    vectors["text"][:] = np.repeat(vectors["text"][::4], 4, axis=0)
    vectors["image"][:] = np.repeat(vectors["image"][::4], 4, axis=0)
    scores = Mismatch().scores(given).reshape(-1, 4)
    np.testing.assert_allclose(scores, scores[:, :1].repeat(4, 1))
    assert scores.mean() < 0.1


def test_without_vectors_or_groups_nothing_is_said():
    given = data(count=3, groups=["a", "a", "a"])
    assert not Mismatch()(given)
    assert not Mismatch()(Pairs(["a"], ["a"], ["train"], [""], np.array([-1])))


@pytest.mark.parametrize("wrong", [{"share": 0}, {"least": 1.1}, {"folds": 1}, {"ridge": 0}])
def test_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        Mismatch(**wrong)
