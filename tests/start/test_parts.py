"""The start of items of parts: the map of a whole where there is one part, and a regression where there are more."""

import numpy as np
import pytest
import scipy.sparse

from xret.start.cca import CCA
from xret.start.parts import maps_of_parts

RNG = np.random.default_rng(0)
SHARED = RNG.normal(size=(400, 3))
IMAGE = (SHARED @ RNG.normal(size=(3, 8)) + 0.5 * RNG.normal(size=(400, 8)) + 5).astype(np.float32)
TITLE = (SHARED @ RNG.normal(size=(3, 5)) + 0.8 * RNG.normal(size=(400, 5))).astype(np.float32)
TEXT = (SHARED @ RNG.normal(size=(3, 6)) + 0.3 * RNG.normal(size=(400, 6))).astype(np.float32)
ALL = np.ones(400, bool)
BOTH = {"image": IMAGE, "title": TITLE}


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.mark.parametrize("weight", [None, np.linspace(0.1, 2, 400)])
def test_one_part_begins_where_cca_begins(weight):
    start = CCA(0.5)
    query, parts = maps_of_parts(start, TEXT, {"image": IMAGE}, {"image": ALL}, 4, weight)
    expected = start({"text": TEXT, "image": IMAGE}, 4, weight)
    sign = np.sign((query.weight * expected["text"].weight).sum(axis=1, keepdims=True))
    both = ((query, expected["text"], TEXT), (parts["image"], expected["image"], IMAGE))
    for found, wanted, features in both:
        np.testing.assert_allclose(found.apply(features) * sign.T, wanted.apply(features), atol=2e-3)


def test_a_part_is_the_ridge_regression_of_where_the_query_lies():
    strength = 0.7
    query, parts = maps_of_parts(CCA(strength), TEXT, BOTH, {"image": ALL, "title": ALL}, 3)
    levels = {part: (x - parts[part].mean) * parts[part].scale for part, x in BOTH.items()}
    whole = np.concatenate([*levels.values()], axis=1)
    y = (TEXT - query.mean) * query.scale
    covariance = whole.T @ whole / 400 + strength * np.eye(13)
    pulled = np.linalg.solve(covariance, whole.T @ y / 400)
    within = y.T @ y / 400 + strength * np.eye(6)
    squares = np.sort(np.linalg.eigvals(np.linalg.solve(within, (whole.T @ y / 400).T @ pulled)).real)[::-1][:3]
    title = levels["title"]
    target = y @ query.weight.T / np.sqrt(squares)  # sqrt(r) y b over r is y b over sqrt(r)
    expected = np.linalg.solve(title.T @ title / 400 + strength * np.eye(5), title.T @ target / 400)
    np.testing.assert_allclose(parts["title"].weight.T, expected, atol=2e-3)


def test_each_part_alone_finds_queries_that_were_not_seen_and_both_find_more():
    first = {part: x[:300] for part, x in BOTH.items()}
    query, parts = maps_of_parts(CCA(0.1), TEXT[:300], first, dict.fromkeys(first, ALL[:300]), 3)
    asked = unit(query.apply(TEXT[300:]))
    alone = {part: unit(parts[part].apply(x[300:])) for part, x in BOTH.items()}
    found = {part: ((asked @ v.T).argmax(axis=1) == np.arange(100)).mean() for part, v in alone.items()}
    both = ((asked @ unit(sum(alone.values())).T).argmax(axis=1) == np.arange(100)).mean()
    assert min(found.values()) > 0.05
    assert both > max(found.values())


def test_what_stands_where_a_part_is_missing_is_not_looked_at():
    present = {"image": ALL, "title": np.arange(400) % 3 > 0}
    there = TITLE.copy()
    there[~present["title"]] = 1e4
    for one, other in zip(
        *(maps_of_parts(CCA(0.5), TEXT, {"image": IMAGE, "title": t}, present, 3) for t in (TITLE, there)), strict=True
    ):
        for a, b in zip(*(m.values() if isinstance(m, dict) else [m] for m in (one, other)), strict=True):
            np.testing.assert_array_equal(a.weight, b.weight)
            np.testing.assert_array_equal(a.mean, b.mean)


def test_refuses_what_it_cannot_start_from():
    with pytest.raises(ValueError, match="at most 6, the narrower side, got 7"):
        maps_of_parts(CCA(), TEXT, BOTH, {"image": ALL, "title": ALL}, 7)
    with pytest.raises(ValueError, match="no training pair has one"):
        maps_of_parts(CCA(), TEXT, BOTH, {"image": ALL, "title": ~ALL}, 3)


def test_a_plan_brings_queries_to_items_that_stand_elsewhere():
    order = np.random.default_rng(1).permutation(400)
    plan = scipy.sparse.csr_array((np.ones(400), (np.arange(400), order)), shape=(400, 400))  # text i, item order[i]
    there = {"image": ALL, "title": np.arange(400) % 3 > 0}
    moved = maps_of_parts(CCA(0.5), TEXT[order], BOTH, there, 3, plan=plan)
    plain = maps_of_parts(CCA(0.5), TEXT, BOTH, there, 3)
    scores = [q.apply(TEXT) @ parts["title"].apply(TITLE).T for q, parts in (moved, plain)]
    np.testing.assert_allclose(*scores, atol=1e-4)
