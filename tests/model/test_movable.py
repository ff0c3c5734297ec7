"""What an attack may touch, and that it leaves everything else as it was."""

import pytest
import torch
from torch import nn

from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.model.movable import Movable, movable, moved, size, still


def test_pixels_as_they_were_read_become_numbers_in_zero_to_one():
    pixels = torch.tensor([0, 51, 255], dtype=torch.uint8).view(1, 3, 1, 1)
    found = movable(nn.Identity(), {"pixels": pixels})
    assert (found.key, found.rows) == ("pixels", None)
    torch.testing.assert_close(found.point.flatten(), torch.tensor([0.0, 0.2, 1.0]))
    encoder = ImageScratch(image_px=16)
    pixels = torch.randint(0, 256, (2, 3, 16, 16), dtype=torch.uint8)
    same = moved(encoder, {"pixels": pixels}, movable(encoder, {"pixels": pixels}), pixels.float() / 255)
    torch.testing.assert_close(encoder(same).vector, encoder({"pixels": pixels}).vector)


def test_text_is_moved_at_its_embeddings_and_only_where_it_has_words():
    encoder = TextScratch(width=64)
    inputs = encoder.collate(["dog", "a"])
    found = movable(encoder, inputs)
    assert found.key == "inputs_embeds"
    assert found.rows.tolist() == [[False, True, True, True], [False, True, False, False]]  # a start token, padding
    torch.testing.assert_close(found.point, encoder.embed(inputs))
    assert not found.point.requires_grad


def test_a_table_of_embeddings_learns_from_moved_words():
    encoder = TextScratch(width=64)
    inputs = encoder.collate(["dog", "a"])
    found = movable(encoder, inputs)
    to = found.point + 0.1
    back = moved(encoder, inputs, found, to)
    torch.testing.assert_close(back["inputs_embeds"], to)
    encoder(back).vector.pow(2).sum().backward()
    assert encoder.network[0].weight.grad[ord("d")].abs().sum() > 0


@pytest.mark.parametrize("shape", [(4, 6), (4, 3, 6)])
def test_stored_tensors_are_moved_as_they_are(shape):
    key = "vector" if len(shape) == 2 else "tokens"
    stored = torch.randn(shape)
    found = movable(nn.Identity(), {key: stored})
    assert found.key == key
    assert found.rows.shape == shape[:-1]
    assert found.rows.all()
    mask = torch.rand(4, 3) < 0.5
    if key == "tokens":
        assert torch.equal(movable(nn.Identity(), {key: stored, "mask": mask}).rows, mask)
    assert torch.equal(moved(nn.Identity(), {key: stored}, found, stored + 1)[key], stored + 1)


def test_what_cannot_be_moved_is_named():
    with pytest.raises(ValueError, match="got waves"):
        movable(nn.Identity(), {"waves": torch.zeros(1)})


def test_size_is_the_largest_pixel_and_the_share_of_a_length():
    pixels = torch.full((2, 3), 0.5)
    to = pixels + torch.tensor([[0.0, 0.02, -0.03], [0.01, 0.0, 0.0]])
    torch.testing.assert_close(size(Movable("pixels", pixels, None), to), torch.tensor(0.02))
    vectors = torch.tensor([[3.0, 4.0], [0.0, 1.0], [0.0, 0.0]])
    rows = torch.tensor([True, True, False])
    step = torch.tensor([[0.0, 0.5], [0.3, 0.0], [0.0, 0.0]])
    torch.testing.assert_close(size(Movable("vector", vectors, rows), vectors + step), torch.tensor(0.2))


def test_every_part_is_back_in_its_own_mode_even_after_an_error():
    network = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.Dropout(), nn.Linear(2, 2)))
    network[0].eval()  # BatchNorm held still, and one frozen part
    network[1][1].eval()
    modes = [module.training for module in network.modules()]

    def stopped():
        with still(network):
            assert not any(module.training for module in network.modules())
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        stopped()
    assert [module.training for module in network.modules()] == modes == [True, False, True, True, False]
