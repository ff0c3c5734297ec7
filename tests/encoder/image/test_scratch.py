"""The small image encoder: a picture's vector is its own business."""

import numpy as np
import pytest
import torch

from xret.encoder.image.scratch import Scratch


def pixels(encoder, count=3):
    return torch.randint(256, (count, 3, encoder.image_px, encoder.image_px), dtype=torch.uint8)


@pytest.mark.parametrize("pooling", ["avg", "max", "gem", "gpo"])
def test_vector_does_not_depend_on_what_else_is_in_the_batch(pooling):
    encoder = Scratch(pooling=pooling)
    raw = pixels(encoder)
    encoded = encoder({"pixels": raw})
    assert encoded.vector.shape == (3, encoder.width)
    assert encoded.tokens.shape == (3, 16, encoder.width)
    alone = encoder({"pixels": raw[1:2]}).vector
    torch.testing.assert_close(alone, encoded.vector[1:2], atol=1e-5, rtol=1e-5)


def test_uint8_and_float_pixels_are_the_same_picture_and_pixels_get_a_gradient():
    encoder = Scratch()
    raw = pixels(encoder)
    picture = (raw / 255).requires_grad_()
    vector = encoder({"pixels": picture}).vector
    torch.testing.assert_close(vector, encoder({"pixels": raw}).vector)
    (gradient,) = torch.autograd.grad(vector.pow(2).sum(), picture)
    assert (gradient.abs().amax((1, 2, 3)) > 0).all()


def test_network_is_given_pixels_between_minus_one_and_one():
    encoder = Scratch()
    ends = torch.tensor([0, 255], dtype=torch.uint8)[:, None, None, None].expand(2, 3, 64, 64)
    assert encoder.normalise(ends).unique().tolist() == [-1, 1]


def test_the_global_seed_decides_the_weights():
    prints = []
    for seed in (3, 3, 4):
        torch.manual_seed(seed)
        prints.append(Scratch().fingerprint())
    assert prints[0] == prints[1] != prints[2]


@pytest.mark.parametrize(("train", "count"), [("head", 0), ("last_1", 1), ("all", 4)])
def test_trains_as_many_convolutions_as_asked(train, count):
    encoder = Scratch(train=train)
    trains = [all(p.requires_grad for p in block.parameters()) for block in encoder.network]
    assert trains == [False] * (4 - count) + [True] * count
    assert (encoder.frozen, encoder.stores) == (count == 0, "vector")
    encoder = Scratch(train=train, pooling="gem")
    assert (encoder.frozen, encoder.stores) == (False, "tokens" if count == 0 else "vector")


def test_stored_tensors_take_up_where_they_were_left():
    encoder = Scratch(train="head", pooling="gem")
    whole = encoder({"pixels": pixels(encoder)})
    torch.testing.assert_close(encoder({"tokens": whole.tokens}).vector, whole.vector)
    assert torch.equal(encoder({"vector": whole.vector}).vector, whole.vector)


def test_stored_regions_stay_valid_while_their_pooling_learns_and_no_longer():
    encoder = Scratch(train="head", pooling="gem")
    before = encoder.fingerprint()
    with torch.no_grad():
        encoder.pooling.p += 1
    assert encoder.fingerprint() == before
    with torch.no_grad():
        next(encoder.network.parameters()).view(-1)[0] += 1e-6
    assert encoder.fingerprint() != before


def test_fingerprint_knows_the_settings_that_are_not_weights():
    prints = set()
    for settings in ({}, {"pooling": "max"}, {"image_px": 32}, {"fit": "pad"}):
        torch.manual_seed(0)
        prints.add(Scratch(**settings).fingerprint())
    assert len(prints) == 4


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"width": 100}, "multiple of 64"),
        ({"image_px": 60}, "of 16"),
        ({"fit": "stretch"}, "fit must be one of"),
        ({"pooling": "cls"}, "pooling must be one of avg, max, gem, gpo"),
        ({"train": "last_5"}, "more than the 4 blocks"),
        ({"lr": 0}, "lr must be positive"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Scratch(**arguments)


def test_collate_stacks_pictures_of_its_size():
    encoder = Scratch(image_px=16)
    images = [np.full((3, 16, 16), i, np.uint8) for i in range(3)]
    assert encoder.collate(images)["pixels"][:, 0, 0, 0].tolist() == [0, 1, 2]
