"""Pairs scored by candidates against pairs scored one by one."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from xret.encoder import Encoded
from xret.fusion.intermediate import Intermediate
from xret.model.dual_encoder import DualEncoder
from xret.model.pairs import joined, pair_logits


def dual():
    torch.manual_seed(0)
    return DualEncoder({}, {}, Intermediate({"text": 5, "image": 7}, width=8, heads=2), matcher_lr=1e-2).eval()


def sides(model):
    """Six texts, read in two batches of different length, and four pictures."""
    texts = []
    for count, length in ((2, 3), (4, 5)):
        mask = torch.arange(length) < length - torch.arange(count)[:, None] % 2
        encoded = Encoded(F.normalize(torch.randn(count, 3), dim=1), torch.randn(count, length, 5), mask)
        texts.append(model.read("text", encoded))
    image = model.read("image", Encoded(F.normalize(torch.randn(4, 3), dim=1), torch.randn(4, 2, 7)))
    return texts, image


@torch.no_grad()
@pytest.mark.parametrize("chunk", [2048, 5])
def test_each_query_meets_its_candidates_in_both_directions(chunk, monkeypatch):
    monkeypatch.setattr("xret.model.pairs._PAIRS", chunk)
    model = dual()
    texts, image = sides(model)
    whole = joined(texts)
    assert whole.tokens.shape == (6, 5, 8)
    alone = torch.stack(
        [
            torch.cat([model.matcher(part.at(torch.tensor([i])), image.at(torch.tensor([j]))) for j in range(4)])
            for part in texts
            for i in range(len(part.tokens))
        ]
    ).numpy()
    found = np.array([[0, 3], [1, 2], [3, 0], [2, 1], [1, 0], [0, 2]])
    scored = pair_logits(model, "text", whole, "image", image, found)
    assert np.allclose(scored, np.take_along_axis(alone, found, 1), atol=1e-5)
    back = np.array([[5, 0, 1], [2, 3, 4], [1, 0, 5], [4, 2, 3]])
    scored = pair_logits(model, "image", image, "text", whole, back)
    assert np.allclose(scored, np.take_along_axis(alone.T, back, 1), atol=1e-5)


def test_what_begins_in_closed_form_trains_at_a_rate_of_its_own():
    model = dual()
    rates = {id(p): g["lr"] for g in model.parameter_groups([], 1.0, 1.0, 0.0) for p in g["params"]}
    assert {rates[id(p)] for p in model.matcher.parameters()} == {1e-2}
    model.reader_lr = 1e-4
    rates = {id(p): g["lr"] for g in model.parameter_groups([], 1.0, 1.0, 0.0) for p in g["params"]}
    assert {rates[id(p)] for p in model.matcher.readers.parameters()} == {1e-4}
    assert {rates[id(p)] for p in model.matcher.blocks.parameters()} == {1e-2}


def test_the_matcher_travels_with_the_trained_state():
    torch.manual_seed(5)
    one, other = dual(), DualEncoder({}, {}, Intermediate({"text": 5, "image": 7}, width=8, heads=2))
    other.load_trained_state(one.trained_state())
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert len(one.trained_state()) == len(list(one.matcher.state_dict()))
