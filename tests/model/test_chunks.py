"""Chunks against the batch in one piece, and against the same chunks without a second forward pass."""

import pytest
import torch
from torch import nn

from xret._errors import UserError
from xret.data.batch import Batch
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.image.timm import Timm
from xret.encoder.projection.linear import Linear
from xret.encoder.projection.mlp import MLP
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.loss.infonce import InfoNCE
from xret.miner.hard import Hard
from xret.model.chunks import Chunks, refuse_batch_statistics
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step

B = 16


def model(image=None, dropout=0.0):
    torch.manual_seed(0)
    text, image = TextScratch(width=32), image or ImageScratch(width=64, image_px=32)
    return DualEncoder(
        {"text": text, "image": image}, {"text": MLP(32, 16, 32, dropout), "image": Linear(image.width, 16, dropout)}
    )


def batch(encoders):
    torch.manual_seed(1)
    texts = encoders["text"].collate([f"{'a long ' * (i % 3)}thing {i}" for i in range(B)])
    pixels = torch.randint(0, 256, (B, 3, 32, 32), dtype=torch.uint8)
    rows = torch.arange(B)
    return Batch({"text": texts, "image": {"pixels": pixels}}, rows, torch.rand(B), rows, rows)


def gradients(model, seed=0):
    """Loss and gradients of all parameters, temperature included."""
    data, objective = batch(model.encoders), Retrieval(InfoNCE(), Hard(3))
    torch.manual_seed(seed)
    step = Step(model, data, {m: model.encode(m, x) for m, x in data.inputs.items()})
    loss = objective(step)["retrieval"]
    both = nn.ModuleList([model, objective])
    both.zero_grad()
    loss.backward()
    return loss.detach(), {n: p.grad for n, p in both.named_parameters()}


def assert_same(one, other, tolerance):
    assert one.keys() == other.keys()
    for name, gradient in one.items():
        assert gradient.norm() > 0, name
        assert (gradient - other[name]).norm() <= tolerance * gradient.norm(), name


@pytest.mark.parametrize("size", [B // 8, 5, B - 1])
def test_gradients_are_those_of_the_batch_in_one_piece(size):
    whole, parts = model(), model()
    parts.chunks = Chunks(size)
    (loss, expected), (same, found) = gradients(whole), gradients(parts)
    torch.testing.assert_close(same, loss, rtol=1e-6, atol=0)
    assert_same(expected, found, 1e-5)


def test_gradients_are_the_same_through_the_batch_norm_of_a_pretrained_network():
    network = Timm("test_resnet", weights=None, image_px=32, train="all")
    whole = model(network)
    norms = [m for m in network.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    for norm in norms:
        nn.init.uniform_(norm.weight, 0.5, 1)  # timm begins with zeros, through which no gradient comes
    loss, expected = gradients(whole)
    expected = {n: g.clone() for n, g in expected.items()}
    whole.chunks = Chunks(2)
    refuse_batch_statistics(whole)
    same, found = gradients(whole)
    torch.testing.assert_close(same, loss, rtol=1e-6, atol=0)
    assert_same(expected, found, 1e-5)


def test_dropout_of_the_second_pass_is_that_of_the_first(monkeypatch):
    parts = model(dropout=0.5)
    parts.chunks = Chunks(3)
    loss, found = gradients(parts)
    found = {n: g.clone() for n, g in found.items()}
    monkeypatch.setattr("xret.model.chunks.checkpoint", lambda f, *tensors, use_reentrant: f(*tensors))
    same, expected = gradients(parts)
    assert torch.equal(loss, same)
    assert_same(expected, found, 1e-5)
    other, _ = gradients(parts, seed=5)
    assert other != loss


def test_no_more_than_a_chunk_is_encoded_at_a_time_and_all_but_the_last_twice():
    parts, seen = model(), []
    parts.chunks = Chunks(6)
    parts.encoders["image"].network.register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    gradients(parts)
    assert seen == [6, 6, 4, 6, 6]


def test_tokens_are_kept_where_asked_for_and_only_there():
    parts = model()
    data = batch(parts.encoders)
    whole = {m: parts.encode(m, x) for m, x in data.inputs.items()}
    parts.chunks = Chunks(5, frozenset({"text"}))
    kept = {m: parts.encode(m, x) for m, x in data.inputs.items()}
    for one, other in zip(whole["text"], kept["text"], strict=True):
        torch.testing.assert_close(other, one)
    assert kept["text"].mask.dtype == torch.bool
    assert kept["image"].tokens is None
    torch.testing.assert_close(kept["image"].vector, whole["image"].vector)
    kept["text"].tokens.sum().backward()
    assert parts.encoders["text"].network[0].weight.grad.abs().sum() > 0
    parts.chunks = Chunks(B + 1, frozenset({"text"}))
    assert parts.encode("text", data.inputs["text"]).tokens is not None
    assert parts.encode("image", data.inputs["image"]).tokens is None
    with torch.no_grad():
        assert parts.encode("image", data.inputs["image"]).tokens is not None  # measuring is left alone


def test_stored_vectors_pass_in_one_piece():
    parts = model()
    parts.chunks = Chunks(2)
    vector = torch.randn(B, 32)
    seen = []
    parts.projections["text"].register_forward_pre_hook(lambda _, args: seen.append(len(args[0])))
    parts.encode("text", {"vector": vector}).vector.sum().backward()
    assert seen == [B]


def test_batch_statistics_are_refused():
    parts = model()
    refuse_batch_statistics(parts)
    parts.projections["image"] = nn.Sequential(nn.BatchNorm1d(64), nn.Linear(64, 16))
    with pytest.raises(UserError, match=r"projections\.image\.0 is in train mode"):
        refuse_batch_statistics(parts)
    refuse_batch_statistics(parts.eval())


def test_rejects_a_size_below_one():
    with pytest.raises(ValueError, match="size must be at least 1"):
        Chunks(0)


def test_an_attack_gets_the_gradient_of_its_pixels():
    parts, found = model(), []
    pixels = (batch(parts.encoders).inputs["image"]["pixels"] / 255).requires_grad_()
    for chunks in (None, Chunks(5)):
        parts.chunks = chunks
        vector = parts.encode("image", {"pixels": pixels}).vector
        found += torch.autograd.grad((vector @ vector.T).exp().sum(), pixels)
    assert found[0].norm() > 0
    assert (found[0] - found[1]).norm() <= 1e-5 * found[0].norm()
    assert all(p.grad is None for p in parts.parameters())
