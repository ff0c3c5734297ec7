"""Fixed numbers of images and captions, checked."""

from dataclasses import dataclass, fields

import numpy as np
import pytest

from xret._errors import UserError
from xret.protocol.karpathy import Karpathy


def test_keeps_the_first_captions_of_each_image(items, right_answers):
    split = items(text=[0, 1, 0, 1, 0, 1, 2, 2, 2], image=[2, 0, 1])
    there, back = Karpathy(images=3, captions_per_image=2)(split)
    assert right_answers(there) == {6: {0: 1}, 7: {0: 1}, 0: {1: 1}, 2: {1: 1}, 1: {2: 1}, 3: {2: 1}}
    assert right_answers(back) == {0: {6: 1, 7: 1}, 1: {0: 1, 2: 1}, 2: {1: 1, 3: 1}}
    assert set(back.targets.tolist()) == {0, 1, 2, 3, 6, 7}


def test_five_captions_of_coco_where_some_images_have_more(items):
    captions = np.repeat(np.arange(20), np.where(np.arange(20) % 7 == 0, 6, 5))
    there, back = Karpathy(images=20)(items(text=captions, image=range(20)))
    assert (len(there.queries), len(there.targets)) == (100, 20)
    assert (len(back.queries), len(back.targets)) == (20, 100)
    assert (np.diff(there.relevance.offsets) == 1).all()
    assert (np.diff(back.relevance.offsets) == 5).all()


def test_folds_are_disjoint_and_in_order(items):
    tasks = Karpathy(images=2, captions_per_image=1, folds=3)(items(text=range(6), image=range(6)))
    assert [task.fold for task in tasks] == [0, 0, 1, 1, 2, 2]
    assert [task.queries.tolist() for task in tasks[::2]] == [[0, 1], [2, 3], [4, 5]]
    assert [task.targets.tolist() for task in tasks[::2]] == [[0, 1], [2, 3], [4, 5]]


def test_a_caption_given_twice_counts_twice(items, right_answers):
    @dataclass(frozen=True)
    class Counted(type(items(text=[0])["text"])):
        counts: np.ndarray

    split = items(text=[0, 0, 1, 1, 1], image=[0, 1])
    with pytest.raises(UserError, match="3 captions for each image, got 2 for image0"):
        Karpathy(images=2, captions_per_image=3)(split)
    plain = [getattr(split["text"], field.name) for field in fields(split["text"])]
    split["text"] = Counted(*plain, counts=np.array([2, 1, 1, 1, 1]))
    there, back = Karpathy(images=2, captions_per_image=3)(split)
    assert there.queries.tolist() == [0, 0, 1, 2, 3, 4]
    assert back.targets.tolist() == [0, 0, 1, 2, 3, 4]
    assert np.diff(back.relevance.offsets).tolist() == [3, 3]


@pytest.mark.parametrize(
    ("text", "image", "message"),
    [
        ([0, 1, 1], [0], "exactly 2 images, got 1"),
        ([0, 1, 2], [0, 1, 2], "exactly 2 images, got 3"),
        ([0, 0, 1], [0, 0], "one image per group"),
        ([0, 0, 1], [0, 1], "2 captions for each image, got 1 for image1"),
        ([0, 0], [0, 1], "2 captions for each image, got 0 for image1"),
    ],
)
def test_wrong_counts_are_refused(items, text, image, message):
    with pytest.raises(UserError, match=message):
        Karpathy(images=2, captions_per_image=2)(items(text=text, image=image))


def test_needs_text_and_image(items):
    with pytest.raises(UserError, match=r"items of text and image, got \['audio', 'text'\]"):
        Karpathy(images=1)(items(text=[0], audio=[0]))


@pytest.mark.parametrize("numbers", [(0, 5, 1), (1, 0, 1), (1, 5, 0)])
def test_numbers_below_one_are_refused(numbers):
    with pytest.raises(ValueError, match="must be at least 1"):
        Karpathy(*numbers)
