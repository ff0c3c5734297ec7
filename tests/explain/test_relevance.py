"""Attention relevance: the matrices are the network's own, and a token that nobody attends to is cold."""

import pytest
import torch
import torch.nn.functional as F

from xret.explain._attention import Attentions
from xret.explain.relevance import Relevance, attends


def test_attention_step_by_step_gives_what_the_fused_one_gives():
    q, k, v = torch.randn(3, 1, 2, 5, 4, generator=torch.Generator().manual_seed(0))
    mask = torch.rand(5, 5, generator=torch.Generator().manual_seed(1)) < 0.7
    mask.fill_diagonal_(True)
    for more in ({}, {"attn_mask": mask}, {"attn_mask": torch.randn(5, 5)}, {"is_causal": True}, {"scale": 0.3}):
        fused = F.scaled_dot_product_attention(q, k, v, **more)
        with Attentions() as seen:
            ours = F.scaled_dot_product_attention(q, k, v, **more)
        assert torch.allclose(fused, ours, atol=1e-6), more
        assert len(seen.matrices) == 1
        assert torch.allclose(seen.matrices[0].sum(dim=-1), torch.ones(1, 2, 5))


def test_the_score_is_the_same_while_it_is_listened_to(tiny, pixels):
    encoder = tiny("vit")
    with Attentions() as seen:
        heard = encoder.score(pixels[None])
    assert len(seen.matrices) == len(encoder.network.blocks)
    assert torch.allclose(heard, encoder.score(pixels[None]), atol=1e-5)


def test_one_layer_by_hand(pixels):
    # 4 patches: the first token attends by fixed weights, and the score reads it alone
    weights = torch.tensor([0.1, 0.2, 0.3, 0.4]).log()
    values = torch.tensor([[1.0], [2.0], [-3.0], [4.0]])

    def score(p):
        logits = torch.zeros(1, 1, 4, 4) + 0 * p.sum()
        logits = logits + torch.cat([weights[None], torch.zeros(3, 4)])[None, None]
        return (torch.softmax(logits, dim=-1) @ values)[:, 0, 0, 0]

    heat = Relevance()(score, torch.nn.Identity(), pixels)
    corners = heat[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert torch.allclose(corners, torch.tensor([0.1 * 1, 0.2 * 2, 0.0, 0.4 * 4]), atol=1e-6)  # -3 is cut off


def test_networks_are_told_apart_by_their_attention(tiny, pixels):
    assert attends(tiny("vit").score, pixels)
    assert not attends(tiny("cnn").score, pixels)


def test_a_convolutional_network_is_refused(tiny, pixels):
    encoder = tiny("cnn")
    with pytest.raises(ValueError, match="no attention over all patches"):
        Relevance()(encoder.score, encoder, pixels)
