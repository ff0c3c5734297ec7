"""Late fusion against angles one can check by hand, and a slow loop."""

import math

import pytest
import torch
import torch.nn.functional as F

from xret.fusion import Side
from xret.fusion.late import Late


def plain(width):
    """A fusion that compares the tokens as they come in."""
    fusion = Late({"text": width, "image": width}, width=width, dropout=0.0, scale=1.0).eval()
    for reader in fusion.readers.values():
        reader.begin(torch.zeros(width), torch.ones(width), torch.eye(width), torch.zeros(width))
    torch.nn.init.zeros_(fusion.offset)
    return fusion


def at(*angles_deg):
    angle = torch.tensor(angles_deg, dtype=torch.float32) * math.pi / 180
    return torch.stack([angle.cos(), angle.sin()], dim=-1)


def test_is_the_mean_of_three_similarities_at_first():
    fusion = plain(2)
    text = fusion.read("text", at(0), 3 * at([0, 90]))  # length of a token does not count
    image = fusion.read("image", at(60), at([0, 0, 30]))
    there = (1 + math.cos(math.radians(60))) / 2
    back = (1 + 1 + math.cos(math.radians(30))) / 3
    assert fusion(text, image).item() == pytest.approx((0.5 + there + back) / 3, abs=1e-6)


def test_agrees_with_a_loop_over_pairs_and_tokens():
    torch.manual_seed(0)
    fusion = plain(5)
    with torch.no_grad():
        fusion.weights.copy_(torch.tensor([0.3, -1.0, 0.7]))
        fusion.offset.fill_(0.25)
        fusion.log_scale.fill_(math.log(4))
    x, y = torch.randn(6, 4, 5), torch.randn(6, 3, 5)
    mask_x, mask_y = torch.rand(6, 4) < 0.7, torch.rand(6, 3) < 0.7
    mask_x[:, 0] = mask_y[:, 1] = True
    vectors = F.normalize(torch.randn(2, 6, 5), dim=-1)
    found = fusion(fusion.read("text", vectors[0], x, mask_x), fusion.read("image", vectors[1], y, mask_y))
    weights = torch.tensor([0.3, -1.0, 0.7]).softmax(0).tolist()
    for p in range(6):
        tokens = [F.normalize(t[p][m[p]], dim=1) for t, m in ((x, mask_x), (y, mask_y))]
        there = sum(max(float(a @ b) for b in tokens[1]) for a in tokens[0]) / len(tokens[0])
        back = sum(max(float(a @ b) for a in tokens[0]) for b in tokens[1]) / len(tokens[1])
        parts = [float(vectors[0][p] @ vectors[1][p]), there, back]
        assert found[p].item() == pytest.approx(
            4 * sum(w * s for w, s in zip(weights, parts, strict=True)) + 0.25, abs=1e-5
        )


def test_a_mean_similarity_of_two_fifths_is_undecided_at_first():
    fusion = Late({"text": 2, "image": 2}, scale=20.0)
    angle = math.degrees(math.acos(0.4))
    mask = torch.ones(1, 1, dtype=torch.bool)
    text, image = (Side(at(a), at([a]), mask) for a in (0, angle))
    assert fusion(text, image).item() == pytest.approx(0, abs=1e-5)


def test_rejects_a_scale_that_is_none():
    with pytest.raises(ValueError, match="scale must be positive"):
        Late({"text": 2, "image": 2}, scale=0.0)
