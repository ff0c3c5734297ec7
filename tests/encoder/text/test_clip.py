"""The text half of CLIP against the whole model of the library, one text at a time."""

import pytest
import torch
import torch.nn.functional as F
import transformers as hf

from xret.encoder.text.clip import CLIP


@torch.no_grad()
def alone(folder, text):
    """Unit vector of one text by the whole model."""
    model, tokenizer = hf.CLIPModel.from_pretrained(folder).eval(), hf.AutoTokenizer.from_pretrained(folder)
    pixels = torch.zeros(1, 3, 32, 32)
    return model(**tokenizer(text, return_tensors="pt"), pixel_values=pixels).text_embeds[0]


def test_vectors_are_those_of_the_whole_model_whatever_the_padding(checkpoint, texts):
    encoder = CLIP(checkpoint("clip"), max_tokens=24)
    encoded = encoder(encoder.collate(texts))
    expected = torch.stack([alone(checkpoint("clip"), text) for text in texts])
    torch.testing.assert_close(F.normalize(encoded.vector), expected, atol=1e-5, rtol=1e-5)
    assert encoder.width == encoded.vector.shape[1] == 12
    assert encoded.tokens.shape[:2] == encoded.mask.shape


def test_a_text_that_is_cut_keeps_its_end_token(checkpoint):
    encoder = CLIP(checkpoint("clip"), max_tokens=6)
    assert encoder.collate(["abcdefghij"])["input_ids"][0, [0, -1]].tolist() == [0, 1]
    with pytest.raises(ValueError, match="max_tokens must lie between 3 and the 24"):
        CLIP(checkpoint("clip"))


def test_last_1_trains_the_last_block_the_norm_and_the_projection(checkpoint, texts):
    encoder = CLIP(checkpoint("clip"), max_tokens=24, train="last_1")
    prefixes = ("text_model.encoder.layers.1.", "text_model.final_layer_norm.", "projection.")
    for name, parameter in encoder.network.named_parameters():
        assert parameter.requires_grad == name.startswith(prefixes), name
    encoder(encoder.collate(texts)).vector.pow(2).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in encoder.parameters())
    assert not encoder.frozen
    assert CLIP(checkpoint("clip"), max_tokens=24).frozen


def test_embeddings_can_be_replaced_and_get_gradients(checkpoint, texts):
    encoder = CLIP(checkpoint("clip"), max_tokens=24)
    inputs = encoder.collate(texts)
    vectors = encoder.embed(inputs).detach().requires_grad_()
    same = encoder({**inputs, "inputs_embeds": vectors}).vector
    torch.testing.assert_close(same, encoder(inputs).vector)
    (gradient,) = torch.autograd.grad(same.pow(2).sum(), vectors)
    assert torch.equal(gradient.abs().sum(-1) > 0, inputs["attention_mask"].bool())
    other = encoder({**inputs, "inputs_embeds": vectors + torch.randn_like(vectors)}).vector
    assert not torch.allclose(other, same, atol=1e-2)
    torch.testing.assert_close(encoder(inputs).vector, same)  # nothing is left behind


def test_fingerprint_and_stored_vectors(checkpoint):
    encoder = CLIP(checkpoint("clip"), max_tokens=24)
    vector = torch.rand(2, 12)
    assert torch.equal(encoder({"vector": vector}).vector, vector)
    assert encoder.fingerprint() == CLIP(checkpoint("clip"), max_tokens=24, lr=1e-3).fingerprint()
    assert encoder.fingerprint() != CLIP(checkpoint("clip"), max_tokens=20).fingerprint()
    with torch.no_grad():
        encoder.network["projection"].weight[0, 0] += 1e-6
    assert encoder.fingerprint() != CLIP(checkpoint("clip"), max_tokens=24).fingerprint()
