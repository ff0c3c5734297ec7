"""The image half of CLIP against the whole model and the preprocessing of the library."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers as hf

from xret.encoder.image.clip import CLIP


def pictures(count=3):
    return [np.random.default_rng(i).integers(0, 256, (3, 32, 32), dtype=np.uint8) for i in range(count)]


@torch.no_grad()
def whole(folder, images):
    model = hf.CLIPModel.from_pretrained(folder).eval()
    process = hf.CLIPImageProcessor(do_resize=False, do_center_crop=False)
    pixels = process(images, return_tensors="pt", input_data_format="channels_first")["pixel_values"]
    text = torch.tensor([[0, 5, 1]]).expand(len(images), -1)
    return model(input_ids=text, pixel_values=pixels).image_embeds


def test_vectors_are_those_of_the_whole_model_and_its_preprocessing(checkpoint):
    encoder = CLIP(checkpoint("clip"))
    encoded = encoder(encoder.collate(pictures()))
    expected = whole(checkpoint("clip"), pictures())
    torch.testing.assert_close(F.normalize(encoded.vector), expected, atol=1e-5, rtol=1e-5)
    assert encoder.width == encoded.vector.shape[1] == 12
    assert encoder.image_px == 32
    assert encoded.tokens.shape == (3, 17, 16)


def test_last_1_trains_the_last_block_the_norm_and_the_projection(checkpoint):
    encoder = CLIP(checkpoint("clip"), train="last_1")
    prefixes = ("vision_model.encoder.layers.1.", "vision_model.post_layernorm.", "projection.")
    for name, parameter in encoder.network.named_parameters():
        assert parameter.requires_grad == name.startswith(prefixes), name
    encoder(encoder.collate(pictures())).vector.pow(2).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in encoder.parameters())
    assert not encoder.frozen
    assert CLIP(checkpoint("clip")).frozen


def test_uint8_and_float_pixels_are_the_same_picture_and_pixels_get_a_gradient(checkpoint):
    encoder = CLIP(checkpoint("clip"))
    raw = encoder.collate(pictures())["pixels"]
    picture = (raw / 255).requires_grad_()
    vector = encoder({"pixels": picture}).vector
    torch.testing.assert_close(vector, encoder({"pixels": raw}).vector)
    (gradient,) = torch.autograd.grad(vector.pow(2).sum(), picture)
    assert (gradient != 0).float().mean() > 0.99


def test_fingerprint_and_stored_vectors(checkpoint):
    encoder = CLIP(checkpoint("clip"))
    vector = torch.rand(2, 12)
    assert torch.equal(encoder({"vector": vector}).vector, vector)
    assert encoder.fingerprint() == CLIP(checkpoint("clip"), lr=1e-3).fingerprint()
    others = [
        CLIP(checkpoint("clip"), fit="pad"),
        CLIP(checkpoint("clip"), mean=[0.5, 0.5, 0.5]),
        CLIP(checkpoint("clip")),
    ]
    with torch.no_grad():
        others[2].network["projection"].weight[0, 0] += 1e-6
    assert len({e.fingerprint() for e in [encoder, *others]}) == 4


@pytest.mark.parametrize("arguments", [{"fit": "stretch"}, {"std": [0, 1, 1]}, {"train": "last_3"}, {"lr": 0}])
def test_rejects_arguments_out_of_range(checkpoint, arguments):
    with pytest.raises(ValueError, match="must"):
        CLIP(checkpoint("clip"), **arguments)
