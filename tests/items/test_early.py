"""Early: one sequence, against the blocks put together by hand."""

import pytest
import torch
import torch.nn.functional as F

from xret.encoder.projection.linear import Linear
from xret.items._present import sampled
from xret.items.early import Early
from xret.items.intermediate import Intermediate

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
        ({"sample": 0}, "sample must be at least 1"),
        ({"heads": 3}, "multiple of heads"),
        ({"dropout": -0.1}, "dropout"),
        ({"width": 0}, "width > 0"),
        ({"widths": {"image": 6}}, "the same parts"),
    ],
)
def test_rejects_what_makes_no_network(changes, message):
    with pytest.raises(ValueError, match=message):
        early(**changes)


@pytest.mark.parametrize("fuser", [Early, Intermediate])
def test_a_step_of_training_reads_some_tokens_of_each_part_and_measuring_all(fuser):
    torch.manual_seed(0)
    projections = {"image": Linear(5, dim=3), "title": Linear(2, dim=3)}
    small = fuser(projections, WIDTHS, width=8, heads=2, dropout=0.0, input_dropout=0.0, drop=0.0, sample=2)
    read = {mode: [tokens_read(small.train(mode), seed) for seed in range(12)] for mode in (True, False)}
    assert {tuple(map(len, r)) for r in read[False]} == {(4, 3)}
    assert {tuple(map(len, r)) for r in read[True]} == {(2, 2)}
    assert len({tuple(r[0]) for r in read[True]}) > 1  # drawn anew


def tokens_read(fuser, seed):
    """The places of image and title tokens that have an influence on the item."""
    vectors, present, tokens = item()
    torch.manual_seed(seed)
    leaves = {part: table.requires_grad_() for part, (table, _) in tokens.items()}
    (fuser(vectors, present, {part: (leaf, None) for part, leaf in leaves.items()}) * torch.rand(3)).sum().backward()
    return [tuple(leaf.grad.abs().sum(dim=(0, 2)).nonzero().flatten().tolist()) for leaf in leaves.values()]


def test_a_mask_goes_with_the_tokens_that_are_drawn():
    torch.manual_seed(0)
    tokens = torch.arange(40.0).view(1, 40, 1)
    drawn, mask = sampled({"title": (tokens, tokens[..., 0] % 3 == 0)}, 12)["title"]
    assert drawn.shape == (1, 12, 1)
    assert torch.equal(mask, drawn[..., 0] % 3 == 0)
    assert torch.equal(drawn, drawn.sort(dim=1).values)
