"""The choice goes by the network, and its method by what was measured."""

import pytest
import torch

from xret.explain.auto import Auto
from xret.explain.conductance import Conductance
from xret.explain.integrated_gradients import IntegratedGradients


@pytest.mark.parametrize(("kind", "method"), [("cnn", Conductance), ("vit", IntegratedGradients)])
def test_each_kind_of_network_has_its_method(tiny, pixels, kind, method):
    encoder = tiny(kind)
    wanted = method()(encoder.score, encoder, pixels)
    assert torch.allclose(Auto()(encoder.score, encoder, pixels), wanted, atol=1e-6)
