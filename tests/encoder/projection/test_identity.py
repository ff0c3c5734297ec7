"""The identity changes nothing and says no to another width."""

import pytest
import torch

from xret.encoder.projection.identity import Identity


@pytest.mark.parametrize("dim", [None, 4])
def test_gives_back_what_it_got(dim):
    vector = torch.randn(2, 4)
    projection = Identity(4, dim=dim)
    assert torch.equal(projection(vector), vector)
    assert projection.dim == 4
    assert list(projection.parameters()) == []


def test_cannot_change_the_width():
    with pytest.raises(ValueError, match="keeps the width 4, got dim 8: choose encoder/projection=linear"):
        Identity(4, dim=8)
