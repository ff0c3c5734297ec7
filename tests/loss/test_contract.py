"""What every loss of conf/loss promises, and every loss with every miner."""

import importlib
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"
LOSSES = sorted((CONF / "loss").glob("*.yaml"))
MINERS = sorted((CONF / "miner").glob("*.yaml"))
every_loss = pytest.mark.parametrize("loss", LOSSES, ids=lambda p: p.stem)
every_miner = pytest.mark.parametrize("miner", MINERS, ids=lambda p: p.stem)


def build(path):
    arguments = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    module, _, name = arguments.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name)(**arguments)


def batch(rows=6, columns=8, seed=0):
    """Scores, positives (one or two a row), negatives, and at least one pair per row that is neither."""
    generator = torch.Generator().manual_seed(seed)
    scores = torch.rand(rows, columns, generator=generator) * 1.6 - 0.8
    order = torch.rand(rows, columns, generator=generator).argsort(dim=1).argsort(dim=1)
    positives = order < 1 + torch.arange(rows)[:, None] % 2
    return scores, positives, (order >= 2) & (order < columns - 1)


def test_the_globs_find_the_options():
    assert len(LOSSES) >= 4
    assert len(MINERS) >= 5


@every_loss
def test_option_shows_every_argument_with_its_default(loss):
    arguments = OmegaConf.to_container(OmegaConf.load(loss), resolve=True)
    module, _, name = arguments.pop("_target_").rpartition(".")
    constructor = getattr(importlib.import_module(module), name).__init__
    names = constructor.__code__.co_varnames[1 : constructor.__code__.co_argcount]
    assert arguments == dict(zip(names, constructor.__defaults__ or (), strict=True))


@every_loss
@every_miner
def test_every_loss_learns_from_every_miner(loss, miner):
    torch.manual_seed(0)
    angle = torch.rand(12) * 6.28
    scores = (angle[:, None] - angle.roll(1)[None, :]).cos().requires_grad_()
    group = torch.arange(12) // 2
    positives = group[:, None] == group[None, :]
    negatives = build(miner)(scores, positives)
    value = build(loss)(scores, positives, negatives)
    value.backward()
    assert value.shape == ()
    assert value.isfinite()
    assert scores.grad.isfinite().all()
    assert (scores.grad[positives] <= 0).all()
    assert (scores.grad[positives] < 0).any()
    assert (scores.grad[~positives] >= 0).all()
    assert (scores.grad[~positives & ~negatives] == 0).all()


@every_loss
def test_pair_in_neither_mask_has_no_say_and_no_gradient(loss):
    scores, positives, negatives = batch()
    masked = ~positives & ~negatives
    scores.requires_grad_()
    value = build(loss)(scores, positives, negatives)
    value.backward()
    assert masked.any()
    assert (scores.grad[masked] == 0).all()
    assert (scores.grad[~masked] != 0).any()
    other = torch.where(masked, 0.99, scores.detach())
    assert build(loss)(other, positives, negatives).item() == pytest.approx(value.item(), rel=1e-6)


@every_loss
def test_order_of_the_batch_does_not_matter(loss):
    scores, positives, negatives = batch()
    weight = torch.rand(6)
    rows, columns = torch.randperm(6), torch.randperm(8)
    shuffled = (x[rows][:, columns] for x in (scores, positives, negatives))
    expected = build(loss)(scores, positives, negatives, weight).item()
    assert build(loss)(*shuffled, weight[rows]).item() == pytest.approx(expected, rel=1e-5)


@every_loss
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_are_computed_in_float32(loss, dtype):
    scores, positives, negatives = batch()
    half = scores.to(dtype).requires_grad_()
    value = build(loss)(half, positives, negatives)
    value.backward()
    assert value.dtype == torch.float32
    assert half.grad.dtype == dtype
    assert half.grad.isfinite().all()
    assert value.item() == build(loss)(half.detach().float(), positives, negatives).item()


@every_loss
def test_weight_of_two_counts_like_the_row_twice_and_zero_like_no_row(loss):
    scores, positives, negatives = batch()
    weight = torch.tensor([2.0, 1.0, 0.0, 1.0, 0.0, 2.0])
    rows = torch.tensor([0, 0, 1, 3, 5, 5])
    weighted = build(loss)(scores, positives, negatives, weight)
    repeated = build(loss)(scores[rows], positives[rows], negatives[rows])
    assert weighted.item() == pytest.approx(repeated.item(), rel=1e-5)
    assert build(loss)(scores, positives, negatives, 7 * weight).item() == pytest.approx(weighted.item(), rel=1e-5)


@every_loss
def test_fractional_weights_keep_the_scale_of_the_loss(loss):
    scores, positives, negatives = batch()
    plain = build(loss)(scores, positives, negatives)
    assert build(loss)(scores, positives, negatives, torch.full((6,), 1e-3)).item() == pytest.approx(
        plain.item(), rel=1e-5
    )


@every_loss
def test_one_weight_per_row_is_required(loss):
    scores, positives, negatives = batch()
    with pytest.raises(ValueError, match=r"weight must hold one number per row \(6,\), got \(8,\)"):
        build(loss)(scores, positives, negatives, torch.ones(8))


@every_loss
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 1), (4, 4)])
@pytest.mark.parametrize("weighted", [False, True])
def test_batch_without_pairs_is_zero_and_can_be_differentiated(loss, shape, weighted):
    scores = torch.zeros(shape, requires_grad=True)
    nothing = torch.zeros(shape, dtype=torch.bool)
    value = build(loss)(scores, nothing, nothing, torch.zeros(shape[0]) if weighted else None)
    value.backward()
    assert value.item() == 0
    assert (scores.grad == 0).all()


@every_loss
def test_row_with_one_kind_of_pair_stays_finite(loss):
    scores = torch.tensor([[0.3, 0.4], [0.1, 0.2]], requires_grad=True)
    positives = torch.tensor([[True, True], [False, False]])
    negatives = torch.tensor([[False, False], [True, True]])
    value = build(loss)(scores, positives, negatives)
    value.backward()
    assert value.isfinite()
    assert scores.grad.isfinite().all()


@every_loss
def test_scores_are_not_changed(loss):
    scores, positives, negatives = batch()
    before = scores.clone(), positives.clone(), negatives.clone()
    build(loss)(scores, positives, negatives)
    assert all(torch.equal(a, b) for a, b in zip(before, (scores, positives, negatives), strict=True))


@every_loss
def test_runs_on_expanded_scores_without_gradient(loss):
    _, positives, negatives = batch()
    with torch.no_grad():
        value = build(loss)(torch.tensor(0.3).expand(6, 8), positives, negatives)
    assert value.isfinite()
    assert not value.requires_grad


@every_loss
def test_masks_of_another_shape_or_type_are_refused(loss):
    scores, positives, negatives = batch()
    with pytest.raises(ValueError, match="positives must be shaped like scores"):
        build(loss)(scores, positives[:, 1:], negatives)
    with pytest.raises(TypeError, match="negatives must be a bool mask"):
        build(loss)(scores, positives, negatives.float())
