"""Networks on which the right map is known, and small random ones of every kind."""

import pytest
import timm
import torch
from torch import nn

SIDE = 32
PATCH = (slice(4, 12), slice(16, 24))  # rows and columns of the only place that drives the planted score


class Encoder(nn.Module):
    """A network called as an encoder is."""

    def __init__(self, network, direction):
        super().__init__()
        self.direction = direction
        self.network = network.eval()
        for parameter in network.parameters():
            parameter.requires_grad_(False)

    def score(self, pixels):
        return self.network(pixels).flatten(1) @ self.direction


@pytest.fixture
def pixels():
    return torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def planted():
    """A picture with texture in one patch of a flat ground, and a score that is the contrast within any patch of 8."""
    generator = torch.Generator().manual_seed(1)
    picture = torch.full((3, SIDE, SIDE), 0.5)
    picture[:, *PATCH] = torch.rand(3, 8, 8, generator=generator)
    layer = nn.Conv2d(3, 12, kernel_size=4, stride=4, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
        layer.weight.sub_(layer.weight.mean(dim=(2, 3), keepdim=True))  # blind to a flat ground
    network = nn.Sequential(layer, nn.ReLU(), nn.AvgPool2d(2), nn.AdaptiveAvgPool2d(1))
    return Encoder(network, torch.ones(12)), picture


MODELS = {"cnn": "test_resnet", "vit": "test_vit"}


def network(kind):
    torch.manual_seed(0)
    made = timm.create_model(MODELS[kind], num_classes=0, **({"img_size": SIDE} if kind == "vit" else {}))
    return Encoder(made, torch.randn(made.num_features))


@pytest.fixture
def tiny():
    """Return a function: cnn or vit -> a small random encoder of `timm`, frozen."""
    return network
