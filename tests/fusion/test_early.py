"""Early fusion: one sequence, which knows where a token comes from."""

import pytest
import torch

from xret.fusion.early import Early


def test_a_token_of_one_modality_is_not_the_same_token_of_the_other():
    torch.manual_seed(0)
    fusion = Early({"text": 4, "image": 4}, width=8, heads=2, input_dropout=0.0).eval()
    for reader in fusion.readers.values():
        reader.begin(torch.zeros(4), torch.ones(4), torch.eye(8, 4), torch.zeros(8))
    vector, tokens = torch.ones(2, 1), torch.randn(2, 3, 4)
    one, other = torch.randn(2, 3, 4), tokens
    straight = fusion(fusion.read("text", vector, one), fusion.read("image", vector, other))
    crossed = fusion(fusion.read("text", vector, other), fusion.read("image", vector, one))
    assert ((straight - crossed).abs() > 1e-6).all()
    with torch.no_grad():
        for embedding in fusion.modality.values():
            embedding.zero_()
    straight = fusion(fusion.read("text", vector, one), fusion.read("image", vector, other))
    crossed = fusion(fusion.read("text", vector, other), fusion.read("image", vector, one))
    torch.testing.assert_close(straight, crossed)


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"layers": 0}, "layers > 0"), ({"heads": 3}, "multiple of heads"), ({"dropout": -0.1}, "dropout")],
)
def test_rejects_what_makes_no_network(changes, message):
    with pytest.raises(ValueError, match=message):
        Early({"text": 4, "image": 4}, **({"width": 8} | changes))
