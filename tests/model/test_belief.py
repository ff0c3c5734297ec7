"""Losses of single pairs, verdicts against the truth, and the weights of a step."""

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.model.belief import Belief, found, pair_losses
from xret.model.dual_encoder import DualEncoder
from xret.model.step import Step
from xret.robust.split import Split


def vectors(count=7, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {m: F.normalize(torch.randn(count, 4, generator=generator), dim=1) for m in ("text", "image")}


def step_of(encoded, epoch=0):
    count = len(encoded["text"])
    group = torch.arange(count)
    batch = Batch({}, group, torch.ones(count), torch.zeros_like(group), group + 2)
    return Step(DualEncoder({}, {}), batch, {m: Encoded(v) for m, v in encoded.items()}, epoch=epoch)


def test_the_loss_of_a_pair_is_its_cross_entropy_among_pairs_of_other_groups():
    both, group, t = vectors(), torch.tensor([0, 1, 2, 2, 3, 4, 5]), 0.2
    text, image = (both[m].double().numpy() for m in ("text", "image"))
    expected = []
    for i in range(7):
        terms = []
        for one, other in ((text, image), (image, text)):
            own = one[i] @ other[i]
            rivals = [math.exp((one[i] @ other[k] - own) / t) for k in range(7) if group[k] != group[i]]
            terms.append(math.log(1 + sum(rivals)))
        expected.append(sum(terms) / 2)
    torch.testing.assert_close(pair_losses(both, group, t), torch.tensor(expected), atol=1e-5, rtol=1e-5)


def test_a_pair_without_rivals_has_no_loss():
    assert pair_losses(vectors(2), torch.tensor([4, 4]), 0.1).tolist() == [0.0, 0.0]


def test_verdicts_are_counted_and_ranked_like_scikit_learn_does():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    weight, noisy = rng.integers(0, 5, 60) / 4, rng.random(60) < 0.4
    doubted = weight < 0.5
    measured = found(torch.tensor(doubted), torch.tensor(weight), torch.tensor(noisy))
    expected = {
        "noise_precision": metrics.precision_score(noisy, doubted),
        "noise_recall": metrics.recall_score(noisy, doubted),
        "noise_auc": metrics.roc_auc_score(noisy, -weight),
    }
    assert {k: float(v) for k, v in measured.items()} == pytest.approx(expected)


@pytest.mark.parametrize("noisy", [[True, True], [False, False]])
def test_where_all_pairs_are_alike_the_area_is_a_half(noisy):
    weight = torch.tensor([0.2, 0.9])
    assert found(weight < 0.5, weight, torch.tensor(noisy))["noise_auc"] == 0.5


def test_a_step_is_weighed_by_row_and_its_health_is_that_of_the_last_verdict():
    both = vectors(6)
    both["image"] = both["text"].clone()
    both["image"][4:] = -both["text"][4:]
    belief = Belief(Split(8, warmup_epochs=1, momentum=0.0), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1]).bool())
    first = step_of(both)
    assert belief(first).tolist() == [1.0] * 6
    assert not first.health
    second = step_of(both, epoch=1)
    weight = belief(second)
    assert torch.equal(weight > 0.5, torch.arange(6) < 4)
    expected = {"clean_share": 4 / 6, "noise_precision": 1.0, "noise_recall": 1.0, "noise_auc": 1.0}
    assert {k: float(v) for k, v in second.health.items()} == pytest.approx(expected)
    belief(step_of({"text": both["text"], "image": both["text"]}, epoch=1))
    assert torch.equal(belief.robust.weight()[2:], weight), "an epoch is judged once"


def test_the_truth_is_no_part_of_a_checkpoint():
    assert "noisy" not in Belief(Split(3), torch.zeros(3, dtype=torch.bool)).state_dict()
