"""Adapters: where they stand, that they begin as nothing, and that merged they are a plain network again."""

import importlib.util

import pytest
import torch
from torch import nn

from xret._errors import UserError
from xret.encoder.image import align as image_align
from xret.encoder.image import clip as image_clip
from xret.encoder.image.timm import Timm
from xret.encoder.lora import adapt, base_fingerprint, is_adapted, merged, rank_of
from xret.encoder.text import align as text_align
from xret.encoder.text import clip as text_clip
from xret.encoder.text.scratch import Scratch
from xret.encoder.text.transformer import Transformer

pytest.importorskip("peft", reason="the extra lora is not installed")

TEXT = {
    "bert": lambda folder, train: Transformer(folder("bert"), train=train),
    "roberta": lambda folder, train: Transformer(folder("roberta"), train=train),
    "albert": lambda folder, train: Transformer(folder("albert"), train=train),
    "clip": lambda folder, train: text_clip.CLIP(folder("clip"), max_tokens=24, train=train),
    "align": lambda folder, train: text_align.ALIGN(folder("align"), train=train),
}
IMAGE = {
    "clip": lambda folder, train: image_clip.CLIP(folder("clip"), train=train),
    "align": lambda folder, train: image_align.ALIGN(folder("align"), train=train),
    "resnet": lambda folder, train: Timm("resnet10t", weights=None, image_px=32, train=train),
    "mobilenet": lambda folder, train: Timm("mobilenetv3_small_050", weights=None, image_px=32, train=train),
    "vit": lambda folder, train: Timm("vit_tiny_patch16_224", weights=None, image_px=32, pooling="cls", train=train),
}
EVERY = [("text", name) for name in TEXT] + [("image", name) for name in IMAGE]
every_network = pytest.mark.parametrize(("side", "name"), EVERY, ids=[f"{s}-{n}" for s, n in EVERY])


def built(side, name, folder, train="lora_2"):
    torch.manual_seed(0)
    return (TEXT if side == "text" else IMAGE)[name](folder, train)


def inputs(encoder, side):
    if side == "text":
        return encoder.collate(["a dog", "the big red fox runs"])
    return {"pixels": torch.rand(2, 3, encoder.image_px, encoder.image_px, generator=torch.Generator().manual_seed(1))}


def moved(encoder):
    """The encoder with adapters that do something."""
    with torch.no_grad():
        for name, parameter in encoder.named_parameters():
            if "lora_B" in name:
                parameter.normal_(std=0.3)
    return encoder


@every_network
def test_it_begins_as_the_network_it_adapts_and_trains_little_of_it(checkpoint, side, name):
    plain, adapted = built(side, name, checkpoint, "head"), built(side, name, checkpoint)
    given = inputs(plain, side)
    torch.testing.assert_close(adapted.eval()(given).vector, plain.eval()(given).vector)
    trained = {n: p for n, p in adapted.named_parameters() if p.requires_grad}
    assert trained
    assert all("lora_A" in n or "lora_B" in n for n in trained)
    assert not adapted.frozen
    assert is_adapted(adapted)
    assert not is_adapted(plain)
    for n, parameter in trained.items():
        assert min(parameter.shape[:2]) <= 2, n
    adapted.train()(given).vector.square().sum().backward()
    assert all(p.grad is not None for p in trained.values())
    assert any(p.grad.abs().sum() > 0 for n, p in trained.items() if "lora_B" in n)
    assert not any(m.training for m in adapted.network.modules() if isinstance(m, nn.modules.batchnorm._BatchNorm))


@every_network
def test_merged_it_is_a_plain_network_with_the_same_vectors(checkpoint, side, name):
    adapted = moved(built(side, name, checkpoint)).eval()
    given = inputs(adapted, side)
    whole = merged(adapted)
    before = built(side, name, checkpoint, "head").eval()
    assert not torch.allclose(adapted(given).vector, before(given).vector, atol=1e-4)
    torch.testing.assert_close(whole(given).vector, adapted(given).vector, atol=1e-4, rtol=1e-4)
    assert whole.state_dict().keys() == before.state_dict().keys()
    assert whole.frozen
    assert is_adapted(adapted), "the encoder itself stays as it is"
    assert whole.fingerprint() != before.fingerprint()
    before.load_state_dict(whole.state_dict())
    assert whole.fingerprint() == before.fingerprint()


def test_the_product_is_what_is_added(checkpoint):
    adapted = moved(built("text", "bert", checkpoint))
    layer = adapted.network.encoder.layer[0].attention.self.query
    a, b = layer.lora_A["default"].weight, layer.lora_B["default"].weight
    expected = layer.base_layer.weight + b @ a
    plain = merged(adapted).network.encoder.layer[0].attention.self.query
    torch.testing.assert_close(plain.weight, expected)


def test_only_attention_is_adapted_where_there_is_attention(checkpoint):
    adapted = built("text", "bert", checkpoint)
    names = {n.partition(".lora")[0] for n, p in adapted.network.named_parameters() if p.requires_grad}
    layer = "encoder.layer.0.attention."
    assert {n for n in names if ".0." in n} == {
        f"{layer}self.query",
        f"{layer}self.key",
        f"{layer}self.value",
        f"{layer}output.dense",
    }
    convolutions = built("image", "resnet", checkpoint)
    names = [n.partition(".lora")[0] for n, p in convolutions.network.named_parameters() if p.requires_grad]
    assert names
    assert all(convolutions.network.get_submodule(n).base_layer.kernel_size == (1, 1) for n in names)


def test_the_fingerprint_knows_adapters_and_the_base_does_not(checkpoint):
    adapted, plain = built("text", "bert", checkpoint), built("text", "bert", checkpoint)
    assert adapted.fingerprint() == plain.fingerprint()
    moved(adapted)
    assert adapted.fingerprint() != plain.fingerprint()
    assert base_fingerprint(adapted) == base_fingerprint(plain)
    with torch.no_grad():
        adapted.network.embeddings.word_embeddings.weight[0, 0] += 1
    assert base_fingerprint(adapted) != base_fingerprint(plain)


def test_merging_a_plain_encoder_gives_it_back(checkpoint):
    plain = built("text", "bert", checkpoint, "head")
    torch.testing.assert_close(dict(merged(plain).state_dict()), dict(plain.state_dict()))


@pytest.mark.parametrize(
    ("train", "rank"), [("lora", 8), ("lora_1", 1), ("lora_16", 16), ("lora_0", None), ("all", None)]
)
def test_the_word_holds_the_rank(train, rank):
    assert rank_of(train) == rank


def test_a_network_without_a_place_for_adapters_is_refused(checkpoint):
    with pytest.raises(ValueError, match="has neither; use last_N or all"):
        Scratch(train="lora")
    with pytest.raises(ValueError, match="has neither"):
        Transformer(checkpoint("xlnet"), train="lora_4")  # its attention is no linear layers
    with pytest.raises(ValueError, match="has neither"):
        adapt(nn.Sequential(nn.MultiheadAttention(8, 2)), 2)


def test_without_peft_one_line_says_what_to_install(monkeypatch):
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *a: None if name == "peft" else real(name, *a))
    with pytest.raises(UserError, match=r"pip install 'xret\[lora\]'"):
        adapt(nn.Conv2d(3, 3, 1), 2)
