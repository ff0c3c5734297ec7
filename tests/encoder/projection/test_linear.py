"""The linear projection is a matrix, an offset and, while training, dropout."""

import pytest
import torch

from xret.encoder.projection.linear import Linear


def test_multiplies_and_adds():
    projection = Linear(3, dim=2)
    vector = torch.randn(4, 3)
    rows, offset = projection.linear.weight.tolist(), projection.linear.bias.tolist()
    expected = [
        [sum(w * x for w, x in zip(row, v, strict=True)) + b for row, b in zip(rows, offset, strict=True)]
        for v in vector.tolist()
    ]
    torch.testing.assert_close(projection(vector), torch.tensor(expected))
    assert projection.dim == 2


def test_drops_inputs_only_while_training():
    projection = Linear(1000, dim=4, dropout=0.5)
    torch.nn.init.ones_(projection.linear.weight)
    torch.nn.init.zeros_(projection.linear.bias)
    vector = torch.ones(1, 1000)
    kept = projection(vector)[0, 0].item() / 2  # what is kept is scaled by 1 / (1 - dropout)
    assert 400 < kept < 600
    assert projection.eval()(vector)[0, 0].item() == 1000


def test_begins_where_it_is_told_to():
    projection = Linear(3, dim=2)
    mean, scale, weight, bias = torch.randn(3), torch.rand(3), torch.randn(2, 3), torch.randn(2)
    projection.begin(mean, scale, weight, bias)
    vector = torch.randn(5, 3)
    expected = torch.stack([weight @ ((v - mean) * scale) + bias for v in vector])
    torch.testing.assert_close(projection(vector), expected)


def test_can_do_without_an_offset():
    assert (Linear(3, dim=2, bias=False)(torch.zeros(1, 3)) == 0).all()


@pytest.mark.parametrize("arguments", [{"dim": 0}, {"dropout": 1.0}, {"dropout": -0.1}])
def test_rejects_sizes_that_make_no_sense(arguments):
    with pytest.raises(ValueError, match="need in_dim, dim > 0"):
        Linear(3, **arguments)
