"""Intermediate fusion: words ask regions, regions ask nothing."""

import pytest
import torch
import torch.nn.functional as F

from xret._attention import Attention
from xret.fusion.intermediate import Intermediate


def fusion(**changes):
    torch.manual_seed(0)
    return Intermediate({"text": 4, "image": 6}, width=8, heads=2, **changes).eval()


def test_a_word_is_answered_by_itself_and_the_logit_is_their_mean():
    both = fusion()
    vector, words, regions = torch.ones(1, 1), torch.randn(1, 3, 4), torch.randn(1, 5, 6)
    image = both.read("image", vector, regions)
    whole = both(both.read("text", vector, words), image)
    alone = [both(both.read("text", vector, words[:, i : i + 1]), image) for i in range(3)]
    torch.testing.assert_close(whole, torch.stack(alone).mean(0))


def test_each_layer_asks_again():
    torch.manual_seed(1)
    vector, words, regions = torch.ones(2, 1), torch.randn(2, 3, 4), torch.randn(2, 5, 6)
    found = []
    for layers in (1, 2):
        both = fusion(layers=layers)
        assert len(both.blocks) == layers
        found.append(both(both.read("text", vector, words), both.read("image", vector, regions)))
    assert not torch.allclose(*found)


def test_attention_agrees_with_its_formula():
    torch.manual_seed(0)
    attention = Attention(width=6, heads=2)
    tokens, others = torch.randn(3, 4, 6), torch.randn(3, 5, 6)
    mask = torch.rand(3, 5) < 0.6
    mask[:, 2], mask[2] = True, False
    found = attention(tokens, others, mask)
    query = attention.query(tokens)
    key, value = attention.key_value(others).chunk(2, dim=-1)
    for p in range(2):
        heads = []
        for h in (slice(0, 3), slice(3, 6)):
            logits = query[p, :, h] @ key[p][mask[p]][:, h].T / 3**0.5
            heads.append(F.softmax(logits, dim=1) @ value[p][mask[p]][:, h])
        torch.testing.assert_close(found[p], attention.out(torch.cat(heads, dim=1)), atol=1e-5, rtol=1e-5)
    assert (found[2] == 0).all()


@pytest.mark.parametrize(("changes", "message"), [({"layers": 0}, "layers > 0"), ({"dropout": 1.0}, "dropout")])
def test_rejects_what_makes_no_network(changes, message):
    with pytest.raises(ValueError, match=message):
        fusion(**changes)
