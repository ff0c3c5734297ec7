"""The retrieval objective: both directions, positives by group, and an alarm when the scores carry nothing."""

import pytest
import torch
import torch.nn.functional as F

from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.loss.infonce import InfoNCE
from xret.loss.triplet import Triplet
from xret.miner.hard import Hard
from xret.miner.inbatch import InBatch
from xret.miner.random import Random
from xret.miner.semihard import SemiHard
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step


def step_of(text, image, groups, weight=None):
    group = torch.tensor(groups)
    ones = torch.ones(len(group)) if weight is None else torch.tensor(weight)
    batch = Batch({}, group, ones, torch.zeros_like(group), torch.arange(len(group)))
    encoded = {"text": Encoded(F.normalize(text, dim=1)), "image": Encoded(F.normalize(image, dim=1))}
    return Step(DualEncoder({}, {}), batch, encoded)


def test_is_the_mean_of_clip_cross_entropy_in_both_directions():
    torch.manual_seed(0)
    text, image = torch.randn(6, 4), torch.randn(6, 4)
    step = step_of(text, image, range(6))
    logits = F.normalize(text, dim=1) @ F.normalize(image, dim=1).T / 0.07
    expected = (F.cross_entropy(logits, torch.arange(6)) + F.cross_entropy(logits.T, torch.arange(6))) / 2
    torch.testing.assert_close(Retrieval(InfoNCE(0.07), InBatch())(step)["retrieval"], expected)
    assert step.health["rows_with_negative"] == 1


def test_rows_of_one_group_are_never_pushed_apart():
    text = torch.randn(4, 3, requires_grad=True)
    image = torch.randn(4, 3)
    step = step_of(text, image, [0, 0, 0, 0])
    assert Retrieval(InfoNCE(), InBatch())(step)["retrieval"] == 0
    assert step.health["rows_with_negative"] == 0


def test_a_pair_without_weight_changes_nothing():
    torch.manual_seed(1)
    text, image = torch.randn(3, 4), torch.randn(3, 4)
    objective = Retrieval(Triplet(0.5, average="all"), InBatch())
    heavy = objective(step_of(text, image, range(3), [1.0, 1.0, 0.0]))["retrieval"]
    scores = F.normalize(text, dim=1) @ F.normalize(image, dim=1).T
    total = []
    for s in (scores, scores.T):
        total += [max(0.0, 0.5 - float(s[i, i]) + float(s[i, j])) for i in range(2) for j in range(3) if i != j]
    torch.testing.assert_close(heavy, torch.tensor(sum(total) / len(total)))


def test_the_alarm_knows_collapse_from_a_model_that_separates():
    objective = Retrieval(Triplet(0.2), Hard())
    one = torch.ones(8, 4) + 1e-4 * torch.randn(8, 4)
    assert objective.collapsed(step_of(one, one.clone(), range(8)))
    apart = torch.eye(8)
    assert not objective.collapsed(step_of(apart, apart.clone(), range(8)))


class Greedy(torch.nn.Module):
    """A loss that only remembers what it was asked."""

    def forward(self, scores, positives, negatives, weight=None):
        """Keep the masks."""
        self.seen = positives, negatives
        return scores.sum() * 0


@pytest.mark.parametrize("miner", [InBatch(), Hard(k=1), Hard(k=3), Random(k=2), SemiHard(margin=2.0)])
def test_a_mixed_pair_is_no_negative_of_its_parts_and_others_take_their_place(miner):
    torch.manual_seed(0)
    group, others = torch.arange(6), torch.tensor([1, 1, 2, 3, 4, 5])  # pair 0 is made of 0 and 1
    vectors = torch.nn.functional.normalize(torch.randn(6, 4), dim=1)
    vectors[1] = vectors[0]  # the hardest rival of 0 would be 1
    batch = Batch({}, group, torch.ones(6), torch.zeros(6), torch.arange(6), others=others)
    encoded = {"text": Encoded(vectors), "image": Encoded(vectors)}
    loss = Greedy()
    Retrieval(loss, miner)(Step(None, batch, encoded))
    positives, negatives = loss.seen
    assert torch.equal(positives, torch.eye(6, dtype=torch.bool))
    assert not negatives[0, 1]
    assert not negatives[1, 0]
    if isinstance(miner, Hard):
        assert negatives.sum(dim=1).tolist() == [miner.k] * 6
    assert negatives[2:].any()
