"""The generalised mean against its formula, token by token."""

import pytest
import torch

from xret.encoder.pooling.gem import GeM


def by_hand(tokens, p):
    """Map (L, C) to (C,)."""
    return torch.tensor(
        [(sum(max(x.item(), 1e-6) ** p for x in column) / len(column)) ** (1 / p) for column in tokens.T]
    )


@pytest.mark.parametrize("p", [1.0, 2.5, 3.0])
def test_is_the_p_th_root_of_the_mean_of_p_th_powers(p):
    tokens = torch.rand(2, 4, 3) + 0.1
    mask = torch.tensor([[True, True, True, True], [True, False, True, False]])
    expected = torch.stack([by_hand(t[m], p) for t, m in zip(tokens, mask, strict=True)])
    torch.testing.assert_close(GeM(p)(tokens, mask), expected)
    torch.testing.assert_close(GeM(p)(tokens), torch.stack([by_hand(t, p) for t in tokens]))


def test_grows_from_the_mean_to_the_maximum_with_its_exponent():
    tokens = torch.rand(1, 9, 5)
    torch.testing.assert_close(GeM(1.0)(tokens), tokens.mean(1))
    torch.testing.assert_close(GeM(200.0)(tokens), tokens.amax(1), atol=0.02, rtol=0)


def test_negative_values_count_as_nothing():
    tokens = torch.tensor([[[2.0], [-50.0]]])
    assert GeM(1.0)(tokens).item() == pytest.approx(1.0)


def test_learns_its_exponent_even_where_a_row_is_empty():
    pooling = GeM()
    tokens = torch.rand(2, 3, 4, requires_grad=True)
    mask = torch.tensor([[True, True, False], [False, False, False]])
    vector = pooling(tokens, mask)
    assert (vector[1] == 0).all()
    vector.sum().backward()
    assert pooling.p.grad.isfinite()
    assert pooling.p.grad != 0
    assert tokens.grad.isfinite().all()
    assert (tokens.grad[~mask] == 0).all()


@pytest.mark.parametrize("arguments", [{"p": 0.0}, {"eps": 0.0}])
def test_rejects_what_is_not_positive(arguments):
    with pytest.raises(ValueError, match="must be positive"):
        GeM(**arguments)
