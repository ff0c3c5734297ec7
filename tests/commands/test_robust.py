"""What a start is told of pairs that are judged: weights, or a plan that matches the doubted ones anew."""

from types import SimpleNamespace

import numpy as np
import pytest
import scipy.sparse
import torch
from omegaconf import OmegaConf

from xret.commands._robust import judged, repeated
from xret.model.belief import Belief
from xret.robust.rematch import Rematch
from xret.robust.split import Split
from xret.start.cca import CCA

ROWS, DIM = 300, 6


@pytest.fixture(scope="module")
def noisy():
    """Pairs of which the first 100 hold the text of the next one of them, and where each image's own text is."""
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(ROWS, DIM))
    image = shared @ rng.normal(size=(DIM, 20)) + 0.3 * rng.normal(size=(ROWS, 20))
    text = shared @ rng.normal(size=(DIM, 12)) + 0.3 * rng.normal(size=(ROWS, 12))
    holds = np.arange(ROWS)
    holds[:100] = np.roll(holds[:100], -1)
    pairs = {"text": text[holds].astype(np.float32), "image": image.astype(np.float32)}
    return pairs, np.argsort(holds)


def told(robust, pairs):
    cfg = OmegaConf.create({"seed": 0, "encoder": {"projection": {"dim": DIM}}})
    rows = np.arange(1000, 1000 + ROWS)  # of a table in which other splits come first
    ids = np.arange(1000 + ROWS)
    prepared = SimpleNamespace(rows=lambda split: rows, manifest=SimpleNamespace(group_ids=lambda: ids))
    return judged(cfg, CCA(0.5), Belief(robust), prepared, pairs)


def test_a_plan_leads_from_doubted_texts_to_their_own_images(noisy):
    pairs, own = noisy
    robust = Rematch(1000 + ROWS)
    plan = told(robust, pairs)["plan"].toarray()
    np.testing.assert_allclose(plan.sum(axis=0), 1, atol=1e-3)
    assert plan[np.arange(100, ROWS), np.arange(100, ROWS)].mean() > 0.9
    assert plan[np.arange(100), np.arange(100)].mean() < 0.1
    assert plan[own[:100], np.arange(100)].mean() > 0.5, "rows are texts, columns are images"
    assert robust.known[1000:].all()
    assert not robust.known[:1000].any()
    np.testing.assert_allclose(robust.weight()[1000:], plan.diagonal(), atol=1e-6)


def test_nothing_is_told_without_rounds_or_belief(noisy):
    assert told(Split(1000 + ROWS, start_rounds=0), noisy[0]) == {}
    assert judged(None, None, None, None, noisy[0]) == {}


def test_versions_of_pairs_get_what_their_originals_got():
    plan = scipy.sparse.csr_array(np.array([[0.2, 0.8], [0.8, 0.2]]))
    twice = repeated({"plan": plan}, 2)["plan"].toarray()
    np.testing.assert_array_equal(twice, np.kron(np.eye(2), plan.toarray()))
    assert repeated({"weight": np.array([1.0, 0.5])}, 2)["weight"].tolist() == [1.0, 0.5, 1.0, 0.5]
    assert repeated({}, 3) == {}


def test_a_scheme_keeps_the_weights_that_it_matched_with():
    robust = Rematch(3)
    robust.believe(torch.tensor([2, 0]), torch.tensor([0.25, 1.0], dtype=torch.float64))
    assert robust.weight().tolist() == [1.0, 1.0, 0.25]
    assert robust.known.tolist() == [True, False, True]
