"""The ridge baseline, against the normal equations and on features that a linear map explains."""

from types import SimpleNamespace

import numpy as np
import pytest

from xret.metric.ridge import fit_ridge, ridge_baseline


def both_directions(count):
    rows, ones = np.arange(count), np.ones(count, dtype=np.float32)
    shared = {"queries": rows, "targets": rows, "groups": rows, "fold": 0, "left_out": 0}
    relevance = np.arange(count + 1), rows, ones
    return [
        SimpleNamespace(name=f"{q}_to_{t}", query=q, target=t, relevance=relevance, **shared)
        for q, t in (("text", "image"), ("image", "text"))
    ]


def linear_world(count, noise=0.3, seed=0):
    """Images show 6 traits and 10 features that mean nothing; texts mix the traits into 9 features."""
    rng = np.random.default_rng(7)
    mixing = rng.standard_normal((6, 9))
    rng = np.random.default_rng(seed)
    traits = rng.standard_normal((count, 6))
    image = np.concatenate([traits + noise * rng.standard_normal((count, 6)), rng.standard_normal((count, 10))], axis=1)
    text = traits @ mixing + 5 + noise * rng.standard_normal((count, 9))
    return {"text": text.astype(np.float32), "image": (3 * image - 2).astype(np.float32)}


@pytest.mark.parametrize("count", [200, 10])  # more rows than features, and fewer: the two forms
@pytest.mark.parametrize("strength", [0.01, 1.0])
def test_solves_the_normal_equations(count, strength):
    data = linear_world(count)
    x, y = ((d - d.mean(0)) / d.std(0) for d in (data["image"].astype(float), data["text"].astype(float)))
    expected = np.linalg.solve(x.T @ x + count * strength * np.eye(16), x.T @ y)
    ridge = fit_ridge(data["image"], data["text"], [0.5, strength])[1]
    np.testing.assert_allclose(ridge.weights, expected, atol=2e-5)
    assert ridge.strength == strength
    predicted = x @ expected
    np.testing.assert_allclose(
        ridge.predict(data["image"]), predicted / np.linalg.norm(predicted, axis=1, keepdims=True), atol=1e-4
    )
    np.testing.assert_allclose(ridge.place(data["text"]), y / np.linalg.norm(y, axis=1, keepdims=True), atol=1e-5)


def test_scale_and_offset_of_features_do_not_matter():
    data = linear_world(50)
    plain = fit_ridge(data["image"], data["text"], [0.1])[0]
    moved = fit_ridge(data["image"] * 40 + 3, data["text"] / 8 - 1, [0.1])[0]
    np.testing.assert_allclose(moved.weights, plain.weights, atol=1e-4)


@pytest.mark.parametrize("wobble", [0.0, 1e-8])  # the second is the last bit of 0.1 in float32
def test_a_feature_that_never_varies_but_by_rounding_is_ignored(wobble):
    data = linear_world(50)
    constant = (0.1 + wobble * np.random.default_rng(0).integers(0, 2, (50, 1))).astype(np.float32)
    ridge = fit_ridge(np.hstack([data["image"], constant]), np.hstack([data["text"], constant]), [0.1])[0]
    assert (ridge.weights[-1] == 0).all()
    assert (ridge.weights[:, -1] == 0).all()
    plain = fit_ridge(data["image"], data["text"], [0.1])[0]
    np.testing.assert_allclose(ridge.weights[:-1, :-1], plain.weights, atol=1e-5)


def test_finds_the_pairs_of_a_linear_world_in_both_directions():
    train, val, test = (linear_world(n, seed=s) for n, s in ((400, 1), (60, 2), (100, 3)))
    baseline = ridge_baseline(train, both_directions(60), val)
    values = baseline.evaluate(both_directions(100), test)
    for name in ("text_to_image", "image_to_text"):
        assert values[f"{name}/ridge_recall_at_10"] > 0.9
        assert values[f"{name}/ridge_median_rank"] <= 2
    parts = [values[f"{name}/ridge_recall_at_{k}"] for name in baseline.maps for k in (1, 5, 10)]
    assert values["ridge_rsum"] == pytest.approx(100 * sum(parts))
    assert not any("chance" in key or "queries" in key for key in values)


def test_each_direction_takes_the_map_and_strength_that_ranks_best():
    train, val = linear_world(60, noise=1.0, seed=1), linear_world(80, noise=1.0, seed=2)
    tasks, strengths = both_directions(80), (0.01, 1.0, 100.0)
    baseline = ridge_baseline(train, tasks, val, strengths)
    for task in tasks:
        reached = []
        for source in ("text", "image"):
            for strength in strengths:
                other = "image" if source == "text" else "text"
                ridge = fit_ridge(train[source], train[other], [strength])[0]
                vectors = {source: ridge.predict(val[source]), other: ridge.place(val[other])}
                scores = vectors[task.query] @ vectors[task.target].T
                ranks = (scores >= np.diag(scores)[:, None]).sum(1)
                reached.append(((1 / ranks).mean(), source, strength))
        source, ridge = baseline.maps[task.name]
        assert (source, ridge.strength) == max(reached)[1:]
        assert baseline.validation[task.name] == pytest.approx(max(reached)[0])


def test_refuses_what_it_cannot_fit():
    data = linear_world(5)
    with pytest.raises(ValueError, match="same number of rows, at least 2, got 5 and 4"):
        fit_ridge(data["image"], data["text"][:4])
    with pytest.raises(ValueError, match="strengths must be above 0"):
        fit_ridge(data["image"], data["text"], [0.0])
    with pytest.raises(ValueError, match="features must be finite"):
        fit_ridge(data["image"] * np.nan, data["text"])
    with pytest.raises(ValueError, match="needs validation tasks"):
        ridge_baseline(data, [], data)
    baseline = ridge_baseline(data, both_directions(5)[:1], data)
    with pytest.raises(ValueError, match=r"fitted for \['text_to_image'\], got \['image_to_text'\]"):
        baseline.evaluate(both_directions(5), data)
