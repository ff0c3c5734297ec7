"""Early: one sequence, against the blocks put together by hand."""

import pytest
import torch
import torch.nn.functional as F

from xret.encoder.projection.linear import Linear
from xret.items.early import Early

WIDTHS = {"image": 6, "title": 4}


def early(**changes):
    torch.manual_seed(0)
    projections = {"image": Linear(5, dim=3), "title": Linear(2, dim=3)}
    return Early(projections, **({"widths": WIDTHS, "width": 8, "heads": 2} | changes)).eval()


def item(images=1, titles=1):
    torch.manual_seed(1)
    vectors = {"image": torch.randn(1, 5), "title": torch.randn(1, 2)}
    present = {"image": torch.tensor([bool(images)]), "title": torch.tensor([bool(titles)])}
    return vectors, present, {"image": (torch.randn(1, 4, 6), None), "title": (torch.randn(1, 3, 4), None)}


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("there", [("image", "title"), ("image",), ("title",)])
def test_agrees_with_the_sequence_of_what_is_there_and_nothing_else(layers, there):
    fuser = early(layers=layers)
    vectors, present, tokens = item("image" in there, "title" in there)
    sequence = torch.cat([fuser.start] + [fuser.readers[p](tokens[p][0]) + fuser.modality[p] for p in there], dim=1)
    for block in fuser.blocks:
        sequence = block(sequence, sequence, torch.ones(sequence.shape[:2], dtype=torch.bool))
    read = F.normalize(fuser.head(sequence[:, 0]), dim=1)
    mean = torch.stack([F.normalize(fuser.projections[p](vectors[p]), dim=1) for p in there]).mean(dim=0)
    torch.testing.assert_close(fuser(vectors, present, tokens), mean + 0.1 * read, atol=1e-6, rtol=1e-5)


def test_a_token_of_one_part_is_not_the_same_token_of_the_other():
    fuser = early(widths={"image": 4, "title": 4}, input_dropout=0.0)
    for reader in fuser.readers.values():
        reader.begin(torch.zeros(4), torch.ones(4), torch.eye(8, 4), torch.zeros(8))
    vectors, present, _ = item()
    one, other = torch.randn(2, 1, 3, 4)
    straight = fuser(vectors, present, {"image": (one, None), "title": (other, None)})
    crossed = fuser(vectors, present, {"image": (other, None), "title": (one, None)})
    assert not torch.allclose(straight, crossed, atol=1e-6)


def test_an_item_may_have_a_single_part():
    vectors, present, tokens = item()
    fuser = Early({"image": Linear(5, dim=3)}, {"image": 6}, width=8)
    assert fuser(vectors, present, tokens).shape == (1, 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 0}, "layers > 0"),
        ({"heads": 3}, "multiple of heads"),
        ({"dropout": -0.1}, "dropout"),
        ({"width": 0}, "width > 0"),
        ({"widths": {"image": 6}}, "the same parts"),
    ],
)
def test_rejects_what_makes_no_network(changes, message):
    with pytest.raises(ValueError, match=message):
        early(**changes)
