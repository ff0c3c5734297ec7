"""The image half of ALIGN against the whole model and the preprocessing it was converted with."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import transformers as hf

from xret.encoder.image.align import ALIGN


def pictures(count=3):
    return [np.random.default_rng(i).integers(0, 256, (3, 32, 32), dtype=np.uint8) for i in range(count)]


@torch.no_grad()
def whole(folder, images):
    model = hf.AlignModel.from_pretrained(folder).eval()
    process = hf.EfficientNetImageProcessor(
        do_resize=False, do_center_crop=False, rescale_factor=1 / 127.5, rescale_offset=True, do_normalize=False
    )
    pixels = process(images, return_tensors="pt", input_data_format="channels_first", include_top=False)["pixel_values"]
    text = torch.tensor([[2, 5, 3]]).expand(len(images), -1)
    return model(input_ids=text, pixel_values=pixels).image_embeds


def test_vectors_are_those_of_the_whole_model_and_its_preprocessing(checkpoint):
    encoder = ALIGN(checkpoint("align"))
    encoded = encoder(encoder.collate(pictures()))
    expected = whole(checkpoint("align"), pictures())
    torch.testing.assert_close(F.normalize(encoded.vector), expected, atol=1e-4, rtol=1e-4)
    assert encoder.width == encoded.vector.shape[1] == 24
    assert encoder.image_px == 32
    torch.testing.assert_close(encoded.tokens.mean(1), encoded.vector)


def test_last_1_trains_the_last_block_alone(checkpoint):
    encoder = ALIGN(checkpoint("align"), train="last_1")
    for name, parameter in encoder.network.named_parameters():
        assert parameter.requires_grad == name.startswith("encoder.blocks.3."), name
    encoder(encoder.collate(pictures())).vector.pow(2).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in encoder.parameters())
    assert not encoder.frozen
    assert ALIGN(checkpoint("align")).frozen


def test_running_statistics_stay_what_they_were(checkpoint):
    encoder = ALIGN(checkpoint("align"), train="all")
    before = {k: v.clone() for k, v in encoder.state_dict().items() if "running" in k}
    assert before
    encoder.train()
    encoder(encoder.collate(pictures()))
    assert all(torch.equal(encoder.state_dict()[k], v) for k, v in before.items())


def test_uint8_and_float_pixels_are_the_same_picture_and_pixels_get_a_gradient(checkpoint):
    encoder = ALIGN(checkpoint("align"))
    raw = encoder.collate(pictures())["pixels"]
    picture = (raw / 255).requires_grad_()
    vector = encoder({"pixels": picture}).vector
    torch.testing.assert_close(vector, encoder({"pixels": raw}).vector, atol=1e-4, rtol=1e-4)
    (gradient,) = torch.autograd.grad(vector.pow(2).sum(), picture)
    assert (gradient.abs().amax((1, 2, 3)) > 0).all()


def test_fingerprint_and_stored_vectors(checkpoint):
    encoder = ALIGN(checkpoint("align"))
    vector = torch.rand(2, 24)
    assert torch.equal(encoder({"vector": vector}).vector, vector)
    assert encoder.fingerprint() == ALIGN(checkpoint("align")).fingerprint()
    assert encoder.fingerprint() != ALIGN(checkpoint("align"), fit="crop").fingerprint()


@pytest.mark.parametrize("arguments", [{"fit": "stretch"}, {"std": [0, 1, 1]}, {"train": "last_5"}, {"lr": 0}])
def test_rejects_arguments_out_of_range(checkpoint, arguments):
    with pytest.raises(ValueError, match="must"):
        ALIGN(checkpoint("align"), **arguments)
