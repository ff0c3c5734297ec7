"""LayerCAM by hand: gradient times value, and every stage with the same say."""

import pytest
import torch
from torch import nn

from xret.explain._maps import enlarged, stages
from xret.explain.layercam import LayerCAM


class Two(nn.Module):
    """Two maps, of 16 and of 8 places along a side, that both reach the score directly."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.one, self.two = nn.Conv2d(3, 4, 2, stride=2), nn.Conv2d(4, 6, 2, stride=2)

    def forward(self, pixels):
        one = self.one(pixels)
        return (one**2).mean(dim=(1, 2, 3)) + 3 * self.two(one).mean(dim=(1, 2, 3))


def test_stages_are_the_maps_of_each_resolution_with_their_gradients(pixels):
    network = Two()
    fine, coarse = stages(network, network, pixels[None])
    assert fine.values.shape == (1, 4, 16, 16)
    assert torch.allclose(coarse.gradient, torch.full((1, 6, 8, 8), 3 / (6 * 8 * 8)))
    direct = 2 * fine.values / (4 * 16 * 16)
    through = nn.functional.conv_transpose2d(coarse.gradient, network.two.weight, stride=2)
    assert torch.allclose(fine.gradient, (direct + through).detach(), atol=1e-7)


class Branched(nn.Module):
    """A trunk and, inside the block that halves it, a branch that ends in nothing."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Conv2d(3, 4, 2, stride=2)
        self.block = nn.ModuleDict({"branch": nn.Conv2d(4, 4, 1), "halve": nn.Conv2d(4, 6, 2, stride=2)})

    def forward(self, pixels):
        trunk = self.stem(pixels)
        return (self.block["halve"](trunk) + 0 * self.block["branch"](trunk).mean()).mean(dim=(1, 2, 3))


def test_a_stage_is_the_trunk_and_not_a_branch_inside_a_block(pixels):
    network = Branched()
    fine, _ = stages(network, network, pixels[None])
    assert torch.equal(fine.values, network.stem(pixels[None]))
    assert fine.gradient.abs().sum() > 0


def test_each_stage_has_the_same_say(pixels):
    network = Two()
    fine, coarse = ((s.values * s.gradient)[0].sum(dim=0) for s in stages(network, network, pixels[None]))
    both = 0.5 * sum(enlarged(m, 32) / enlarged(m, 32).square().mean().sqrt() for m in (fine, coarse))
    assert torch.allclose(LayerCAM(last=2)(network, network, pixels), both, atol=1e-5)
    alone = LayerCAM(last=1)(network, network, pixels)
    assert torch.allclose(alone * enlarged(coarse, 32).square().mean().sqrt(), enlarged(coarse, 32), atol=1e-6)


def test_it_needs_a_stage():
    with pytest.raises(ValueError, match="last must be at least 1"):
        LayerCAM(last=0)
