"""The text half of ALIGN against the whole model of the library, one text at a time."""

import torch
import torch.nn.functional as F
import transformers as hf

from xret.encoder.text.align import ALIGN


@torch.no_grad()
def alone(folder, text):
    """Unit vector of one text by the whole model."""
    model, tokenizer = hf.AlignModel.from_pretrained(folder).eval(), hf.AutoTokenizer.from_pretrained(folder)
    pixels = torch.zeros(1, 3, 32, 32)
    return model(**tokenizer(text, return_tensors="pt"), pixel_values=pixels).text_embeds[0]


def test_vectors_are_those_of_the_whole_model_whatever_the_padding(checkpoint, texts):
    encoder = ALIGN(checkpoint("align"), max_tokens=32)
    encoded = encoder(encoder.collate(texts))
    expected = torch.stack([alone(checkpoint("align"), text) for text in texts])
    torch.testing.assert_close(F.normalize(encoded.vector), expected, atol=1e-5, rtol=1e-5)
    assert encoder.width == encoded.vector.shape[1] == 24
    assert encoded.tokens.shape[:2] == encoded.mask.shape


def test_last_1_trains_the_last_block_and_the_projection(checkpoint, texts):
    encoder = ALIGN(checkpoint("align"), max_tokens=32, train="last_1")
    for name, parameter in encoder.network.named_parameters():
        assert parameter.requires_grad == name.startswith(("text_model.encoder.layer.1.", "projection.")), name
    encoder(encoder.collate(texts)).vector.pow(2).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in encoder.parameters())
    assert not encoder.frozen
    assert ALIGN(checkpoint("align"), max_tokens=32).frozen


def test_embeddings_can_be_replaced_and_get_gradients(checkpoint, texts):
    encoder = ALIGN(checkpoint("align"), max_tokens=32)
    inputs = encoder.collate(texts)
    vectors = encoder.embed(inputs).detach().requires_grad_()
    same = encoder({**inputs, "inputs_embeds": vectors}).vector
    torch.testing.assert_close(same, encoder(inputs).vector)
    (gradient,) = torch.autograd.grad(same.pow(2).sum(), vectors)
    assert torch.equal(gradient.abs().sum(-1) > 0, inputs["attention_mask"].bool())


def test_fingerprint_and_stored_vectors(checkpoint):
    encoder = ALIGN(checkpoint("align"), max_tokens=32)
    vector = torch.rand(2, 24)
    assert torch.equal(encoder({"vector": vector}).vector, vector)
    assert encoder.fingerprint() == ALIGN(checkpoint("align"), max_tokens=32).fingerprint()
    assert encoder.fingerprint() != ALIGN(checkpoint("align"), max_tokens=20).fingerprint()
    with torch.no_grad():
        encoder.network["projection"].bias[0] += 1e-6
    assert encoder.fingerprint() != ALIGN(checkpoint("align"), max_tokens=32).fingerprint()
