"""What every miner of conf/miner promises."""

import dataclasses
import importlib
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

MINERS = sorted((Path(__file__).parents[2] / "conf/miner").glob("*.yaml"))
every_miner = pytest.mark.parametrize("path", MINERS, ids=lambda p: p.stem)


def read(path):
    arguments = OmegaConf.to_container(OmegaConf.load(path), resolve=True)
    module, _, name = arguments.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name), arguments


def build(path):
    constructor, arguments = read(path)
    return constructor(**arguments)


def mine(path, scores, positives, seed=0):
    torch.manual_seed(seed)
    return build(path)(scores, positives)


def circle(rows, columns):
    """Scores of points spread over a circle, every one with rivals nearby; positives by group, some rows without."""
    targets = torch.linspace(0, 6.28, columns)
    queries = torch.linspace(0, 6.28, rows) + 0.1
    positives = (torch.arange(rows) // 2)[:, None] == (torch.arange(columns) // 2)[None, :]
    return (queries[:, None] - targets[None, :]).cos(), positives


def test_the_glob_finds_the_options():
    assert len(MINERS) >= 5


@every_miner
def test_option_shows_every_argument_with_its_default(path):
    constructor, arguments = read(path)
    assert arguments == {field.name: field.default for field in dataclasses.fields(constructor)}


@every_miner
@pytest.mark.parametrize("shape", [(20, 20), (30, 20), (20, 30)])
def test_no_positive_is_ever_a_negative(path, shape):
    scores, positives = circle(*shape)
    for seed in range(5):
        mined = mine(path, scores, positives, seed)
        assert mined.shape == shape
        assert mined.dtype == torch.bool
        assert mined.any()
        assert not (mined & positives).any()


@every_miner
def test_row_without_positives_yields_nothing_and_spares_the_others(path):
    scores, positives = circle(20, 20)
    positives[3] = False
    mined = mine(path, scores, positives)
    assert not mined[3].any()
    assert mined[4].any()


@every_miner
def test_row_of_positives_alone_yields_nothing(path):
    scores, positives = circle(20, 20)
    positives[3] = True
    assert not mine(path, scores, positives)[3].any()


@every_miner
@pytest.mark.parametrize("positive", [False, True])
def test_batch_of_one_yields_nothing(path, positive):
    assert mine(path, torch.tensor([[0.5]]), torch.tensor([[positive]])).tolist() == [[False]]


@every_miner
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_scores_are_mined_like_the_same_scores_in_float32(path, dtype):
    scores, positives = circle(20, 20)
    half = scores.to(dtype)
    assert torch.equal(mine(path, half, positives), mine(path, half.float(), positives))


@every_miner
def test_choice_of_a_row_does_not_depend_on_the_order_of_the_others(path):
    scores, positives = circle(20, 20)
    order = torch.randperm(20)
    counts = mine(path, scores, positives).sum(dim=1)
    assert torch.equal(mine(path, scores[order][:, order], positives[order][:, order]).sum(dim=1), counts[order])


@every_miner
def test_other_direction_is_the_transpose(path):
    scores, positives = circle(20, 30)
    mined = mine(path, scores.T, positives.T)
    assert mined.shape == (30, 20)
    assert not (mined & positives.T).any()
    assert torch.equal(mined, mine(path, scores.T.contiguous(), positives.T.contiguous()))


@every_miner
def test_leaves_no_graph_behind_and_the_scores_as_they_were(path):
    scores, positives = circle(20, 20)
    scores.requires_grad_()
    before = scores.detach().clone(), positives.clone()
    assert not mine(path, scores, positives).requires_grad
    assert torch.equal(before[0], scores)
    assert torch.equal(before[1], positives)


@every_miner
def test_masks_of_another_shape_or_type_are_refused(path):
    scores, positives = circle(4, 4)
    with pytest.raises(ValueError, match="positives must be shaped like scores"):
        build(path)(scores, positives[1:])
    with pytest.raises(TypeError, match="positives must be a bool mask"):
        build(path)(scores, positives.float())
