"""What all operations hold to: nothing at p=0, the same draw the same result, the same shape, no other generator."""

import random

import numpy as np
import pytest
import torch

from xret.augmentation.image.colour import Colour
from xret.augmentation.image.crop import Crop
from xret.augmentation.image.erase import Erase
from xret.augmentation.image.flip import Flip
from xret.augmentation.image.randaugment import RandAugment
from xret.augmentation.image.rotate import Rotate
from xret.augmentation.image.scale import Scale
from xret.augmentation.pairs.cutmix import CutMix
from xret.augmentation.pairs.mixgen import MixGen
from xret.augmentation.text.delete import Delete
from xret.augmentation.text.insert import Insert
from xret.augmentation.text.mask import Mask
from xret.augmentation.text.swap import Swap
from xret.augmentation.text.synonyms import Synonyms

TEXT = "a small dog on an apple bike, near [SEP] two cars"


@pytest.fixture
def table(tmp_path):
    (tmp_path / "words.csv").write_text("small,little\ndog,hound,pooch\napple,pippin\n")
    return {"table": str(tmp_path / "words.csv")}


@pytest.fixture(params=[Synonyms, Insert, Delete, Swap, lambda p, **_: Mask("[MASK]", p=p, share=0.5)])
def text_operation(request, table):
    needs = table if request.param in (Synonyms, Insert) else {}
    return lambda p: request.param(p=p, **needs)


@pytest.fixture(params=[Rotate, Scale, Crop, Flip, Colour, RandAugment, Erase], ids=lambda c: c.__name__)
def image_operation(request):
    return request.param


@pytest.fixture
def picture():
    return np.random.default_rng(5).integers(0, 256, (3, 20, 20)).astype(np.uint8)


def states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


def test_a_text_operation_at_probability_zero_is_identity(text_operation):
    assert all(text_operation(0)(TEXT, np.random.default_rng(i)) == TEXT for i in range(50))


def test_a_text_operation_draws_from_what_it_is_handed_alone(text_operation):
    before = states()
    operation = text_operation(1)
    first = [operation(TEXT, np.random.default_rng(i)) for i in range(50)]
    assert states() == before
    assert first == [operation(TEXT, np.random.default_rng(i)) for i in range(50)]
    assert len(set(first)) > 1
    assert any(text != TEXT for text in first)
    assert all("[SEP]" in text for text in first)


def test_an_image_operation_at_probability_zero_is_identity(image_operation, picture):
    for i in range(20):
        assert np.array_equal(image_operation(p=0)(picture, np.random.default_rng(i)), picture)


def test_an_image_operation_keeps_shape_and_type_and_its_input(image_operation, picture):
    kept = picture.copy()
    for i in range(20):
        found = image_operation(p=1)(picture, np.random.default_rng(i))
        assert found.shape == picture.shape
        assert found.dtype == np.uint8
        assert np.array_equal(picture, kept)


def test_an_image_operation_draws_from_what_it_is_handed_alone(image_operation, picture):
    operation, before = image_operation(p=1), states()
    first = [operation(picture, np.random.default_rng(i)) for i in range(8)]
    assert states() == before
    torch.manual_seed(123)
    assert all(np.array_equal(a, operation(picture, np.random.default_rng(i))) for i, a in enumerate(first))
    if image_operation is not Flip:
        assert len({a.tobytes() for a in first}) > 1
    assert any(not np.array_equal(a, picture) for a in first)


@pytest.mark.parametrize("operation", [MixGen(), CutMix()])
def test_a_pair_operation_keeps_shape_type_and_inputs(operation, picture):
    other = 255 - picture
    kept = picture.copy(), other.copy()
    found = [operation.image(picture, other, np.random.default_rng(i)) for i in (0, 0, 1)]
    assert all(f.shape == picture.shape and f.dtype == np.uint8 for f in found)
    assert np.array_equal(found[0], found[1])
    assert not np.array_equal(found[0], picture)
    assert np.array_equal(picture, kept[0])
    assert np.array_equal(other, kept[1])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Delete(share=-0.1), "share must be in"),
        (lambda: Swap(p=1.1), "p must be in"),
        (lambda: Rotate(degrees=0), "degrees must be in"),
        (lambda: Rotate(fill=256), r"fill must be in 0\.\.255"),
        (lambda: Scale(least=1.2, most=1.1), "least <= most"),
        (lambda: Crop(least=0), "0 < least <= 1"),
        (lambda: Crop(stretch=0.9), "stretch >= 1"),
        (lambda: Colour(hue=0.6), "hue must be in"),
        (lambda: Colour(contrast=2), "contrast must be in"),
        (lambda: RandAugment(magnitude=31), "magnitude in 0..30"),
        (lambda: Erase(most=1.0), "most < 1"),
        (lambda: MixGen(ratio=1), "ratio must be in"),
        (lambda: CutMix(most=0.6), "larger part"),
    ],
)
def test_an_argument_out_of_range_is_told_at_once(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_what_an_operation_is_can_be_read_from_it():
    """The key of stored versions is made from it."""
    made = [Rotate(degrees=5), Rotate(degrees=6), Rotate(degrees=5, fill=0), Rotate(degrees=5, p=0.1), CutMix(most=0.1)]
    assert len({repr(operation) for operation in made}) == len(made)
