"""The bank against a list that grows and is cut, and a loop over pairs."""

import pytest
import torch
import torch.nn.functional as F

from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.loss.contrastive import Contrastive
from xret.loss.infonce import InfoNCE
from xret.loss.siglip import SigLIP
from xret.loss.triplet import Triplet
from xret.miner.distance_weighted import DistanceWeighted
from xret.miner.hard import Hard
from xret.miner.inbatch import InBatch
from xret.miner.random import Random
from xret.miner.semihard import SemiHard
from xret.model.bank import Bank
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Pairs, Step

LOSSES = (InfoNCE, Contrastive, Triplet, SigLIP)
MINERS = (InBatch, Random, Hard, lambda: SemiHard(2.0), lambda: DistanceWeighted(4))


def pairs(*, rows, groups=None, dim=4):
    row = torch.tensor(rows)
    group = row if groups is None else torch.tensor(groups)
    vectors = {m: F.normalize(torch.randn(len(row), dim), dim=1) for m in ("text", "image")}
    return Pairs(vectors, group, torch.ones(len(row)), torch.zeros_like(row), row)


def step_of(*, rows, groups=None):
    p = pairs(rows=rows, groups=groups)
    batch = Batch({}, p.group, p.weight, p.domain, p.row)
    return Step(DualEncoder({}, {}), batch, {m: Encoded(v.requires_grad_()) for m, v in p.vectors.items()})


def held(bank):
    """What is held, as a set of (row, group, the text and the image vector)."""
    vectors = [[tuple(v) for v in bank.held(m).tolist()] for m in ("text", "image")]
    return set(zip(bank.row[: bank.filled].tolist(), bank.groups()[0].tolist(), *vectors, strict=True))


@pytest.mark.parametrize(("size", "batches"), [(7, (3, 3, 3, 3)), (6, (3, 3, 3)), (2, (3, 5)), (20, (4, 4)), (1, (2,))])
def test_holds_the_last_rows_whatever_the_size_of_a_batch(size, batches):
    torch.manual_seed(0)
    bank, everything = Bank(size, 4, ["text", "image"]), []
    for count in batches:
        new = pairs(rows=range(len(everything), len(everything) + count), groups=[r % 3 for r in range(count)])
        bank.put(new)
        columns = [
            new.row.tolist(),
            new.group.tolist(),
            *([tuple(v) for v in x.tolist()] for x in new.vectors.values()),
        ]
        everything += zip(*columns, strict=True)
        assert held(bank) == set(everything[-size:])
        assert bank.filled == min(len(everything), size)
    assert bank.health()["bank_fill"] == min(1, len(everything) / size)


def test_nothing_enters_before_the_warm_up_is_over():
    bank = Bank(8, 4, ["text", "image"], warmup_steps=2)
    for first in (0, 2):
        bank.put(pairs(rows=[first, first + 1]))
        assert bank.filled == 0
        assert bank.held("text").shape == (0, 4)
    bank.put(pairs(rows=[4, 5]))
    assert {row for row, *_ in held(bank)} == {4, 5}


def test_a_state_that_is_read_back_goes_on_where_it_stood():
    torch.manual_seed(0)
    one, other = (Bank(5, 4, ["text", "image"], warmup_steps=1) for _ in range(2))
    other.put(pairs(rows=[90, 91]))  # has read its counters
    batches = [pairs(rows=range(3 * i, 3 * i + 3)) for i in range(5)]
    for batch in batches[:3]:
        one.put(batch)
    other.load_state_dict(one.state_dict())
    for batch in batches[3:]:
        one.put(batch)
        other.put(batch)
    assert all(torch.equal(value, other.state_dict()[name]) for name, value in one.state_dict().items())
    assert held(one) == held(other)
    assert one.taken == 12


def test_drift_is_the_cosine_between_stored_and_fresh_vectors_of_rows_met_again():
    bank = Bank(4, 2, ["text", "image"])
    angle = torch.tensor(0.6)
    turned = torch.stack([angle.cos(), angle.sin()])
    one = torch.tensor([1.0, 0.0])

    def batch(rows, text):
        row = torch.tensor(rows)
        vectors = {"text": text.expand(len(rows), 2), "image": one.expand(len(rows), 2)}
        return Pairs(vectors, row, torch.ones(len(rows)), torch.zeros_like(row), row)

    bank.put(batch([0, 1], one))
    bank.put(batch([2, 3], one))
    assert bank.health()["bank_drift"] == 1
    bank.put(batch([1, 9], turned))  # 1 is met again, 9 is not
    assert bank.health()["bank_drift"].item() == pytest.approx((float(angle.cos()) + 1) / 2)
    bank.put(batch([20, 21], turned))
    assert bank.health()["bank_drift"].item() == pytest.approx((float(angle.cos()) + 1) / 2)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("miner", MINERS)
def test_every_loss_and_miner_take_the_wider_matrix(loss, miner):
    torch.manual_seed(0)
    objective = Retrieval(loss(), miner(), Bank(7, 4, ["text", "image"]))
    for first in range(0, 12, 4):
        step = step_of(rows=range(first, first + 4))
        value = objective(step)["retrieval"]
        value.backward()
        assert value.isfinite()
        assert any(e.vector.grad.abs().sum() > 0 for e in step.encoded.values())
        objective.remember(step)
    assert not objective.bank.vectors.requires_grad


def test_a_query_meets_its_batch_and_the_bank_and_its_own_group_is_never_pushed_away():
    torch.manual_seed(0)
    objective = Retrieval(Triplet(0.5, average="all"), InBatch(), Bank(5, 4, ["text", "image"]))
    stored = step_of(rows=range(5), groups=[0, 1, 2, 0, 7])
    objective.remember(stored)
    step = step_of(rows=[10, 11, 12], groups=[0, 1, 1])
    means = []
    for query, target in (("text", "image"), ("image", "text")):
        targets = torch.cat([step.encoded[target].vector, stored.encoded[target].vector]).tolist()
        groups = [0, 1, 1, 0, 1, 2, 0, 7]
        terms = []
        for q, g in zip(step.encoded[query].vector.tolist(), [0, 1, 1], strict=True):
            s = [sum(a * b for a, b in zip(q, t, strict=True)) for t in targets]
            yes = [x for x, other in zip(s, groups, strict=True) if other == g]
            no = [x for x, other in zip(s, groups, strict=True) if other != g]
            terms += [max(0.0, 0.5 - p + n) for p in yes for n in no]
        means.append(sum(terms) / len(terms))
    assert objective(step)["retrieval"].item() == pytest.approx(sum(means) / 2, abs=1e-6)


def test_the_loss_uses_what_was_held_before_and_the_batch_enters_after():
    torch.manual_seed(0)
    plain, banked = Retrieval(InfoNCE(), InBatch()), Retrieval(InfoNCE(), InBatch(), Bank(8, 4, ["text", "image"]))
    first = step_of(rows=range(4))
    assert torch.equal(plain(first)["retrieval"], banked(first)["retrieval"])
    assert banked.bank.filled == 0
    banked.remember(first)
    second = step_of(rows=range(4, 8))
    more = banked(second)["retrieval"]
    assert more > plain(second)["retrieval"]  # the same positives, more rivals
    more.backward()
    banked.remember(second)
    assert set(banked.bank.row.tolist()) == set(range(8))


@pytest.mark.parametrize(("size", "dim", "warmup_steps"), [(0, 4, 0), (4, 0, 0), (4, 4, -1)])
def test_rejects_arguments_out_of_range(size, dim, warmup_steps):
    with pytest.raises(ValueError, match="need size, dim > 0 and warmup_steps >= 0"):
        Bank(size, dim, ["text", "image"], warmup_steps)
