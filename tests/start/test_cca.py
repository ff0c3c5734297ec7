"""The closed-form start: against the eigenvalue problem it solves, and on data with a known answer."""

import numpy as np
import pytest
import scipy.linalg
import scipy.sparse

from xret.start.cca import CCA

RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=(400, 3))
X = (SHARED @ RNG.normal(size=(3, 8)) + 0.3 * RNG.normal(size=(400, 8)) + 5).astype(np.float32)
Y = (SHARED @ RNG.normal(size=(3, 6)) + 0.3 * RNG.normal(size=(400, 6))).astype(np.float32)


def mapped(affine, features):
    return (features - affine.mean) * affine.scale @ affine.weight.T + affine.bias


def test_the_correlations_are_those_of_the_generalised_eigenvalue_problem():
    strength = 0.5
    maps = CCA(strength)({"image": X, "text": Y}, 6)
    x, y = ((f.astype(float) - m.mean) * m.scale for f, m in ((X, maps["image"]), (Y, maps["text"])))
    cx, cy, cxy = x.T @ x / 400 + strength * np.eye(8), y.T @ y / 400 + strength * np.eye(6), x.T @ y / 400
    squares = scipy.linalg.eigh(cxy @ np.linalg.solve(cy, cxy.T), cx, eigvals_only=True)[::-1][:6]
    # weight @ ridged covariance @ weight.T = diag(correlation)
    found = maps["image"].weight @ cx @ maps["image"].weight.T
    np.testing.assert_allclose(np.diag(found) ** 2, squares, atol=1e-4)
    np.testing.assert_allclose(found, np.diag(np.diag(found)), atol=1e-4)
    np.testing.assert_allclose(
        maps["image"].weight @ cxy @ maps["text"].weight.T, np.diag(np.diag(found) ** 2), atol=1e-4
    )


def test_partners_that_were_not_seen_are_found():
    maps = CCA(0.1)({"image": X[:300], "text": Y[:300]}, 3)
    a, b = mapped(maps["image"], X[300:]), mapped(maps["text"], Y[300:])
    a, b = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (a, b))
    assert ((a @ b.T).argmax(axis=1) == np.arange(100)).mean() > 0.3


def test_features_that_never_vary_do_no_harm():
    still = np.concatenate([X, np.full((400, 1), 7, np.float32)], axis=1)
    maps = CCA()({"image": still, "text": Y}, 4)
    assert all(np.isfinite(part).all() for affine in maps.values() for part in affine)


@pytest.mark.parametrize(
    ("pairs", "dim"), [({"image": X}, 2), ({"image": X, "text": Y[:9]}, 2), ({"image": X, "text": Y}, 7)]
)
def test_rejects_what_it_cannot_start_from(pairs, dim):
    with pytest.raises(ValueError, match="start=cca needs"):
        CCA()(pairs, dim)


@pytest.mark.parametrize("arguments", [{"strength": 0.0}, {"lr": -1.0}])
def test_rejects_settings_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match="above 0"):
        CCA(**arguments)


def test_equal_weights_are_no_weights():
    plain, weighed = CCA(0.5)({"image": X, "text": Y}, 5), CCA(0.5)({"image": X, "text": Y}, 5, np.full(400, 3.0))
    scores = [mapped(maps["image"], X) @ mapped(maps["text"], Y).T for maps in (plain, weighed)]
    np.testing.assert_allclose(*scores, atol=1e-5)  # directions are found up to their sign
    for modality in plain:
        np.testing.assert_allclose(plain[modality].mean, weighed[modality].mean, atol=1e-6)
        np.testing.assert_allclose(plain[modality].scale, weighed[modality].scale, rtol=1e-6)


@pytest.mark.parametrize("rows", [400, 5], ids=["more rows than columns", "fewer"])
def test_a_weight_of_two_is_a_pair_that_stands_there_twice(rows):
    x, y, weight = X[:rows], Y[:rows], np.arange(rows) % 3
    twice = np.repeat(np.arange(rows), weight)
    for one, other in ((x, y), (y, x)):  # the wider modality may be the first or the second
        weighed = CCA(0.5)({"image": one, "text": other}, 4, weight)
        repeated = CCA(0.5)({"image": one[twice], "text": other[twice]}, 4)
        scores = [mapped(m["image"], one) @ mapped(m["text"], other).T for m in (weighed, repeated)]
        np.testing.assert_allclose(*scores, atol=1e-5)


@pytest.mark.parametrize("weight", [np.ones(399), -np.ones(400), np.zeros(400), np.full(400, np.nan)])
def test_refuses_weights_that_do_not_fit(weight):
    with pytest.raises(ValueError, match="weight must hold 400 finite numbers"):
        CCA()({"image": X, "text": Y}, 4, weight)


def test_a_plan_of_each_row_with_itself_is_no_plan():
    plain = CCA(0.5)({"image": X, "text": Y}, 5)
    for plan in (np.eye(400), scipy.sparse.eye_array(400, format="csr") * 3):
        planned = CCA(0.5)({"image": X, "text": Y}, 5, plan=plan)
        scores = [mapped(maps["image"], X) @ mapped(maps["text"], Y).T for maps in (plain, planned)]
        np.testing.assert_allclose(*scores, atol=1e-5)


def test_a_plan_brings_rows_together_that_stand_apart():
    order = np.random.default_rng(1).permutation(400)
    plan = scipy.sparse.csr_array((np.ones(400), (order, np.arange(400))), shape=(400, 400))
    plain = CCA(0.5)({"image": X, "text": Y[order]}, 5)
    planned = CCA(0.5)({"image": X[order], "text": Y[order]}, 5)
    moved = CCA(0.5)({"image": X, "text": Y[order]}, 5, plan=plan)
    wanted, found, other = (mapped(m["image"], X) @ mapped(m["text"], Y).T for m in (planned, moved, plain))
    np.testing.assert_allclose(found, wanted, atol=1e-4)
    assert abs(other - wanted).max() > 0.1


def test_rows_that_a_plan_leaves_out_still_say_what_a_modality_is_like():
    half = np.diag((np.arange(400) < 200).astype(float))
    maps = CCA(0.5)({"image": X, "text": Y}, 4, plan=half)
    np.testing.assert_allclose(maps["image"].mean, X.mean(axis=0), rtol=1e-5)
    x, y = ((f.astype(float) - m.mean) * m.scale for f, m in ((X, maps["image"]), (Y, maps["text"])))
    cx, cy = x.T @ x / 400 + 0.5 * np.eye(8), y.T @ y / 400 + 0.5 * np.eye(6)
    cxy = np.cov(x[:200].T, y[:200].T, bias=True)[:8, 8:]
    squares = scipy.linalg.eigh(cxy @ np.linalg.solve(cy, cxy.T), cx, eigvals_only=True)[::-1][:4]
    found = maps["image"].weight @ cx @ maps["image"].weight.T
    np.testing.assert_allclose(np.diag(found) ** 2, squares, atol=1e-4)


@pytest.mark.parametrize("plan", [np.eye(399), np.zeros((400, 400))])
def test_refuses_plans_that_do_not_fit(plan):
    with pytest.raises(ValueError, match="plan must be of shape"):
        CCA()({"image": X, "text": Y}, 4, plan=plan)


def test_refuses_weights_beside_a_plan():
    with pytest.raises(ValueError, match="weights or a plan"):
        CCA()({"image": X, "text": Y}, 4, np.ones(400), np.eye(400))
