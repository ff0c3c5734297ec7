"""The MLP against its formula."""

import math

import pytest
import torch

from xret.encoder.projection.mlp import MLP


def gelu(x):
    return x * (1 + torch.erf(x / math.sqrt(2))) / 2


@pytest.mark.parametrize("layer_norm", [True, False])
def test_normalises_widens_bends_and_narrows(layer_norm):
    projection = MLP(6, dim=3, hidden=8, layer_norm=layer_norm).eval()
    first, second = (m for m in projection.modules() if isinstance(m, torch.nn.Linear))
    vector = torch.randn(5, 6) * 3 + 1
    x = (vector - vector.mean(1, keepdim=True)) / (vector.var(1, correction=0, keepdim=True) + 1e-5).sqrt()
    x = x if layer_norm else vector
    expected = gelu(x @ first.weight.T + first.bias) @ second.weight.T + second.bias
    torch.testing.assert_close(projection(vector), expected)
    assert first.weight.shape == (8, 6)
    assert projection.dim == 3


def test_with_layer_norm_the_scale_of_an_encoder_does_not_matter():
    projection = MLP(6, dim=3).eval()
    vector = torch.randn(5, 6)
    torch.testing.assert_close(projection(vector * 100), projection(vector), atol=1e-4, rtol=1e-4)


def test_drops_hidden_units_only_while_training():
    projection = MLP(6, dim=3, hidden=64, dropout=0.5)
    vector = torch.randn(1, 6)
    assert not torch.equal(projection(vector), projection(vector))
    projection.eval()
    assert torch.equal(projection(vector), projection(vector))
    still = MLP(6, dim=3, dropout=0.0)
    assert torch.equal(still(vector), still(vector))


@pytest.mark.parametrize("arguments", [{"dim": 0}, {"hidden": 0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_rejects_sizes_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match="need in_dim, dim, hidden > 0"):
        MLP(3, **arguments)
