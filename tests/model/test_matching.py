"""The matching objective against a loop, and what it must never draw."""

import pytest
import torch
import torch.nn.functional as F

from xret._errors import UserError
from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.fusion.late import Late
from xret.model.dual_encoder import DualEncoder
from xret.model.matching import Matching
from xret.model.step import Step


def step_of(groups, weight=None, matcher=None, size=None):
    torch.manual_seed(0)
    group = torch.tensor(groups)
    ones = torch.ones(len(group)) if weight is None else torch.tensor(weight)
    batch = Batch({}, group, ones, torch.zeros_like(group), torch.arange(len(group)))
    encoded = {}
    for modality, width in (("text", 5), ("image", 7)):
        vector = F.normalize(torch.randn(len(group), 4), dim=1).requires_grad_()
        encoded[modality] = Encoded(vector, torch.randn(size or len(group), 3, width, requires_grad=True))
    matcher = matcher or Late({"text": 5, "image": 7}, width=6, dropout=0.0)
    return Step(DualEncoder({}, {}, matcher), batch, encoded)


def test_is_the_cross_entropy_of_each_pair_and_of_the_only_wrong_one_in_both_directions():
    step = step_of([4, 9])  # two groups: the wrong partner is the other row
    loss = Matching(weight=0.5)(step)["matching"]
    matcher = step.model.matcher
    text, image = (matcher.read(m, e.vector, e.tokens) for m, e in step.encoded.items())
    logits = {(i, j): matcher(text.at(torch.tensor([i])), image.at(torch.tensor([j]))) for i in (0, 1) for j in (0, 1)}
    right = [F.softplus(-logits[0, 0]), F.softplus(-logits[1, 1])]
    wrong = [F.softplus(logits[0, 1]), F.softplus(logits[1, 0])] * 2  # once from each side
    torch.testing.assert_close(loss, 0.5 * torch.stack([*right, *wrong]).mean())
    told = [float(logits[0, 0] > 0), float(logits[1, 1] > 0)], [float(logits[0, 1] <= 0), float(logits[1, 0] <= 0)]
    assert step.health["matching_accuracy"].item() == pytest.approx(sum(map(sum, told)) / 4)
    assert step.health["matching_rows_with_negative"] == 1


def test_rows_of_one_group_are_never_a_wrong_pair():
    group = torch.tensor([0, 0, 0, 1, 1, 2])
    allowed = group[:, None] != group[None]
    scores = torch.where(allowed, -1.0, 1.0)  # the forbidden ones score highest
    drawn = Matching(negatives=200, temperature=0.05).draw(scores, allowed)
    assert drawn.shape == (6, 200)
    for row in range(6):
        assert set(drawn[row].tolist()) <= set(torch.nonzero(allowed[row])[:, 0].tolist())


def test_is_drawn_as_often_as_the_softmax_of_the_scores_says():
    torch.manual_seed(0)
    scores = torch.tensor([[0.9, 0.1, 0.2, 0.3]])
    drawn = Matching(negatives=20_000, temperature=0.1).draw(scores, torch.tensor([[False, True, True, True]]))
    share = torch.bincount(drawn[0], minlength=4) / 20_000
    torch.testing.assert_close(share, torch.cat([torch.zeros(1), (scores[0, 1:] / 0.1).softmax(0)]), atol=0.02, rtol=0)


def test_a_batch_of_one_group_has_no_wrong_pair():
    step = step_of([3, 3, 3])
    loss = Matching()(step)["matching"]
    matcher = step.model.matcher
    logits = matcher(*(matcher.read(m, e.vector, e.tokens) for m, e in step.encoded.items()))
    torch.testing.assert_close(loss, F.softplus(-logits).mean())
    assert step.health["matching_rows_with_negative"] == 0
    assert step.health["matching_accuracy"].isfinite()


def test_a_pair_without_weight_teaches_nothing():
    step = step_of([0, 1], weight=[1.0, 0.0])
    loss = Matching()(step)["matching"]
    matcher = step.model.matcher
    text, image = (matcher.read(m, e.vector, e.tokens) for m, e in step.encoded.items())
    logits = {(i, j): matcher(text.at(torch.tensor([i])), image.at(torch.tensor([j]))) for i in (0, 1) for j in (0, 1)}
    wrong = [F.softplus(logits[0, 1]), F.softplus(logits[1, 0])]  # row 0 asks from either side
    torch.testing.assert_close(loss, torch.stack([F.softplus(-logits[0, 0]), *wrong]).mean())
    assert Matching()(step_of([0, 1, 2], weight=[0.0, 0.0, 0.0]))["matching"] == 0


def test_each_side_is_given_the_wrong_partners_closest_to_it():
    step = step_of([0, 1, 2])
    degrees = {"text": [0.0, 90.0, 180.0], "image": [80.0, 60.0, 10.0]}
    for modality, angles in degrees.items():
        angle = torch.deg2rad(torch.tensor(angles))
        step.encoded[modality] = step.encoded[modality]._replace(vector=torch.stack([angle.cos(), angle.sin()], 1))
    seen = []
    forward = step.model.matcher.forward
    step.model.matcher.forward = lambda one, other: seen.append((one.vector, other.vector)) or forward(one, other)
    Matching(temperature=1e-3)(step)
    ((lefts, rights),) = seen
    where = [
        [step.encoded[m].vector.tolist().index(v) for v in part.tolist()]
        for m, part in zip(degrees, (lefts, rights), strict=True)
    ]
    pairs = list(zip(*where, strict=True))
    assert sorted(pairs[:3]) == [(0, 0), (1, 1), (2, 2)]
    assert sorted(pairs[3:6]) == [(0, 2), (1, 0), (2, 0)]  # each text with its picture
    assert sorted(pairs[6:]) == [(0, 1), (0, 2), (1, 0)]  # each picture with its text


def test_the_first_stage_gets_no_gradient_and_tokens_do():
    step = step_of([0, 1, 2, 3])
    Matching()(step)["matching"].backward()
    for encoded in step.encoded.values():
        assert encoded.vector.grad is None
        assert (encoded.tokens.grad != 0).any()


def test_an_encoder_without_tokens_is_the_users_to_change():
    step = step_of([0, 1])
    step.encoded["text"] = Encoded(step.encoded["text"].vector)
    with pytest.raises(UserError, match="fusion needs tokens, and the text encoder gives none"):
        Matching()(step)


def test_some_pairs_of_a_batch_are_matched_with_each_other_alone():
    read = []
    step = step_of(list(range(8)))
    take = step.model.matcher.read
    step.model.matcher.read = lambda m, *parts: read.append(parts[0]) or take(m, *parts)
    seen = set()
    for _ in range(20):
        read.clear()
        Matching(pairs=3)(step)
        rows = [
            [step.encoded[m].vector.tolist().index(v) for v in part.tolist()]
            for m, part in zip(step.encoded, read, strict=True)
        ]
        assert rows[0] == rows[1]
        assert len(set(rows[0])) == 3
        seen |= set(rows[0])
    assert seen == set(range(8))


@pytest.mark.parametrize("changes", [{"weight": 0.0}, {"negatives": 0}, {"temperature": -0.1}, {"pairs": 1}])
def test_rejects_what_makes_no_objective(changes):
    with pytest.raises(ValueError, match="must be"):
        Matching(**changes)
