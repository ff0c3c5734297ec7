"""The modality adversary closes the gap between modalities, without a target domain."""

import math

import pytest
import torch

from xret.adaptation.modality_dann import ModalityDANN


def test_it_pulls_the_modalities_together():
    generator = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    shift = torch.zeros(4, requires_grad=True)
    adversary = ModalityDANN(in_dim=4, hidden=16)
    optimizer = torch.optim.Adam([{"params": [shift], "lr": 0.02}, {"params": adversary.parameters(), "lr": 0.01}])
    accuracies = []
    for step in range(300):
        image, text = (torch.randn(100, 4, generator=generator) for _ in range(2))
        result = adversary({"image": image + 2 + shift, "text": text}, {}, step / 300)
        accuracies.append(result.health["modality_accuracy"].item())
        optimizer.zero_grad()
        result.loss.backward()
        optimizer.step()
    assert max(accuracies[:50]) > 0.9
    assert sum(accuracies[-50:]) / 50 < 0.6
    assert torch.allclose(shift, torch.full((4,), -2.0), atol=0.6)


def test_three_modalities_are_told_apart_by_one_classifier():
    vectors = {m: torch.randn(9, 4, generator=torch.Generator().manual_seed(i)) for i, m in enumerate("abc")}
    adversary = ModalityDANN(in_dim=4, among=("a", "b", "c"))
    for parameter in adversary.parameters():
        torch.nn.init.zeros_(parameter)
    result = adversary(vectors, {}, 0.5)
    assert result.loss.item() == pytest.approx(math.log(3))
    assert result.health["modality_lambda"].item() == pytest.approx(math.tanh(2.5))


def test_it_wants_no_target():
    assert ModalityDANN(in_dim=4).modalities == ()


@pytest.mark.parametrize("wrong", [{"among": ["image"]}, {"among": "image"}, {"among": ["a", "a"]}, {"weight": 0}])
def test_it_refuses_what_makes_no_sense(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ModalityDANN(**{"in_dim": 4, **wrong})
