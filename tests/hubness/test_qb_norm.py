"""QB-Norm, against the inverted softmax written out."""

import numpy as np
import pytest

from xret.hubness.qb_norm import QBNorm


def data():
    rng = np.random.default_rng(0)
    rows = [rng.standard_normal((n, 4)).astype(np.float32) for n in (12, 30, 25)]
    return [r / np.linalg.norm(r, axis=1, keepdims=True) for r in rows]


def test_scores_order_as_the_inverted_softmax_where_a_query_meets_an_active_target():
    bank, targets, queries = data()
    bias = QBNorm(temperature=0.2, first=2)(bank, targets)
    active = {t for b in bank for t in np.argsort(-(targets @ b))[:2]}
    assert set(np.flatnonzero(bias.active)) == active
    asked, ranked = bias.widened(queries, targets)
    inverted = np.exp(queries @ targets.T / 0.2) / np.exp(bank @ targets.T / 0.2).sum(axis=0)
    met = 0
    for i, query in enumerate(queries):
        plain = targets @ query
        wanted = inverted[i] if plain.argmax() in active else plain
        met += plain.argmax() in active
        np.testing.assert_array_equal(np.argsort(-(ranked @ asked[i])), np.argsort(-wanted))
    assert 0 < met < len(queries)


def test_the_bias_is_the_logarithm_of_the_sum_also_where_exponents_overflow():
    bank, targets, _ = data()
    values = QBNorm(temperature=1e-3)(bank, targets).values
    np.testing.assert_allclose(values, (bank @ targets.T).max(axis=0), atol=5e-3)
    assert np.isfinite(values).all()


@pytest.mark.parametrize("changes", [{"temperature": 0}, {"first": 0}])
def test_what_is_out_of_range_is_refused(changes):
    with pytest.raises(ValueError, match="temperature > 0 and first > 0"):
        QBNorm(**changes)
