"""Intermediate: the words of the title ask the regions of the picture, and regions ask nothing."""

import pytest
import torch
import torch.nn.functional as F

from xret.encoder.projection.linear import Linear
from xret.items.intermediate import Intermediate

WIDTHS = {"image": 6, "title": 4}


def intermediate(**changes):
    torch.manual_seed(0)
    projections = {"image": Linear(5, dim=3), "title": Linear(2, dim=3)}
    return Intermediate(projections, **({"widths": WIDTHS, "width": 8, "heads": 2} | changes)).eval()


def item(images=1, titles=1):
    torch.manual_seed(1)
    vectors = {"image": torch.randn(1, 5), "title": torch.randn(1, 2)}
    present = {"image": torch.tensor([bool(images)]), "title": torch.tensor([bool(titles)])}
    return vectors, present, {"image": (torch.randn(1, 4, 6), None), "title": (torch.randn(1, 3, 4), None)}


def average(fuser, vectors, parts):
    return torch.stack([F.normalize(fuser.projections[p](vectors[p]), dim=1) for p in parts]).mean(dim=0)


@pytest.mark.parametrize("layers", [1, 2])
def test_agrees_with_each_word_asking_by_itself(layers):
    fuser = intermediate(layers=layers)
    vectors, present, tokens = item()
    regions, words = (fuser.readers[part](tokens[part][0]) for part in ("image", "title"))
    answers = []
    for i in range(3):
        word = words[:, i : i + 1]
        for block in fuser.blocks:
            word = block(word, regions, torch.ones(1, 4, dtype=torch.bool))
        answers.append(word[:, 0])
    read = F.normalize(fuser.head(torch.stack(answers).mean(dim=0)), dim=1)
    expected = average(fuser, vectors, ("image", "title")) + 0.1 * read
    torch.testing.assert_close(fuser(vectors, present, tokens), expected, atol=1e-6, rtol=1e-5)


def test_an_item_without_a_title_is_its_picture_alone():
    fuser = intermediate()
    vectors, present, tokens = item(titles=0)
    torch.testing.assert_close(fuser(vectors, present, tokens), average(fuser, vectors, ("image",)))


def test_words_without_a_picture_find_nothing_and_are_read_as_they_are():
    fuser = intermediate()
    vectors, present, tokens = item(images=0)
    words = fuser.readers["title"](tokens["title"][0])
    (block,) = fuser.blocks
    nothing = words + block.bend(words)
    expected = average(fuser, vectors, ("title",)) + 0.1 * F.normalize(fuser.head(nothing.mean(dim=1)), dim=1)
    torch.testing.assert_close(fuser(vectors, present, tokens), expected, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "layers > 0"),
        ({"dropout": 1.0}, "dropout"),
        ({"heads": 3}, "multiple of heads"),
        ({"widths": {"image": 6}}, "the same parts"),
    ],
)
def test_rejects_what_makes_no_network(changes, message):
    with pytest.raises(ValueError, match=message):
        intermediate(**changes)


def test_somebody_must_be_there_to_be_asked():
    with pytest.raises(ValueError, match="two modalities"):
        Intermediate({"title": Linear(2, dim=3)}, {"title": 4}, width=8)
