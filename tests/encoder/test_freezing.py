"""Which parts of a network train, and which stay in eval mode while it does."""

import pytest
import torch
from torch import nn

from xret.encoder.freezing import check_lr, hold_still, is_frozen, outermost_blocks, thaw


class Small(nn.Module):
    """Stem, three blocks with dropout and BatchNorm, a norm behind them."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(2, 2)
        self.body = nn.Module()
        self.body.blocks = nn.ModuleList(
            nn.Sequential(nn.Linear(2, 2), nn.BatchNorm1d(2), nn.Dropout()) for _ in range(3)
        )
        self.body.blocks[0].append(nn.ModuleList([nn.Linear(2, 2)]))
        for block in self.body.blocks:
            block.register_parameter("scale", nn.Parameter(torch.ones(2)))
        self.body.norm = nn.LayerNorm(2)
        self.head = nn.Linear(2, 2)


EXPECTED = {
    "head": [],
    "last_1": ["body.blocks.2", "body.norm", "head"],
    "last_2": ["body.blocks.1", "body.blocks.2", "body.norm", "head"],
    "last_3": ["body.blocks.0", "body.blocks.1", "body.blocks.2", "body.norm", "head"],
    "all": ["stem", "body.blocks.0", "body.blocks.1", "body.blocks.2", "body.norm", "head"],
}


def starts(name, prefixes):
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


@pytest.mark.parametrize("train", EXPECTED)
def test_the_end_of_the_network_trains_from_the_block_asked_for(train):
    network = Small()
    parts = thaw(network, outermost_blocks(network), train)
    for name, parameter in network.named_parameters():
        assert parameter.requires_grad == starts(name, EXPECTED[train]), name
    assert is_frozen(network) == (train == "head")
    hold_still(network, parts)
    for name, module in network.named_modules():
        if isinstance(module, nn.BatchNorm1d):
            assert not module.training, name
        elif isinstance(module, nn.Linear | nn.Dropout | nn.LayerNorm):
            assert module.training == starts(name, EXPECTED[train]), name


def test_what_was_thawed_before_is_frozen_again():
    network = Small()
    thaw(network, outermost_blocks(network), "all")
    thaw(network, outermost_blocks(network), "last_1")
    assert not network.stem.weight.requires_grad


def test_the_outermost_list_is_the_list_of_blocks():
    network = Small()
    assert outermost_blocks(network) == list(network.body.blocks)
    with pytest.raises(ValueError, match="Linear has no list of blocks"):
        outermost_blocks(nn.Linear(1, 1))


@pytest.mark.parametrize(
    "train", ["last_0", "last_", "last_-1", "last_1.5", "first_1", "none", "", "last_1 ", "lora_0", "lora8"]
)
def test_rejects_words_it_does_not_know(train):
    with pytest.raises(ValueError, match="train must be head, all, last_N or lora_R"):
        thaw(Small(), outermost_blocks(Small()), train)


def test_rejects_more_blocks_than_there_are():
    network = Small()
    with pytest.raises(ValueError, match="more than the 3 blocks there are, got 'last_4'"):
        thaw(network, outermost_blocks(network), "last_4")


@pytest.mark.parametrize("lr", [0.0, -1.0, float("nan")])
def test_rejects_a_learning_rate_that_is_not_positive(lr):
    assert check_lr(1e-5) == 1e-5
    with pytest.raises(ValueError, match="lr must be positive"):
        check_lr(lr)


def test_sync_batchnorm_is_held_still_too():
    network = nn.Sequential(nn.SyncBatchNorm(2), nn.BatchNorm3d(2))
    hold_still(network, [network])
    assert [m.training for m in network] == [False, False]
    assert torch.is_tensor(network[0].running_mean)
