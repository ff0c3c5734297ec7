"""Vectors under attack: one item at a time, against all of a fixed gallery."""

import math
from functools import partial

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from xret.attack.fgsm import FGSM
from xret.attack.pgd import PGD
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.model.dual_encoder import DualEncoder
from xret.model.robust import attacked_vectors, misranking

COUNT = 10


def test_misranking_is_the_loss_of_the_plain_loop():
    torch.manual_seed(0)
    scores = torch.rand(4, 6) * 2 - 1
    positives = torch.zeros(4, 6, dtype=torch.bool)
    positives[0, 1] = positives[1, 0] = positives[1, 5] = positives[2] = True  # row 2: all are right; row 3: none is
    total = 0.0
    for i in range(4):
        right = [j for j in range(6) if positives[i, j]]
        wrong = [k for k in range(6) if not positives[i, k]]
        for j in right:
            rivals = sum(math.exp(float(scores[i, k] - scores[i, j]) / 0.1) for k in wrong)
            total += math.log1p(rivals) / len(right)
    torch.testing.assert_close(misranking(scores, positives, 0.1), torch.tensor(total))


def test_a_hopelessly_sure_model_still_has_a_gradient():
    scores = torch.tensor([[1.0, -1.0, -1.0]], requires_grad=True)
    misranking(scores, torch.tensor([[True, False, False]])).backward()
    assert (scores.grad != 0).all()


@pytest.fixture
def model():
    torch.manual_seed(0)
    encoders = {"text": TextScratch(width=64), "image": ImageScratch(width=64, image_px=16)}
    return DualEncoder(encoders, {m: Linear(64, 16, dropout=0.5) for m in encoders})


def texts(count):
    return ["dog", "a fox that runs", "apple", "moon", "a bus", "ship", "tree", "an old house", "cat", "sun"][:count]


class Items:
    """Ten pictures and ten texts, and their clean vectors."""

    def __init__(self, model):
        torch.manual_seed(1)
        self.model = model
        self.inputs = {
            "image": {"pixels": torch.randint(0, 256, (COUNT, 3, 16, 16), dtype=torch.uint8)},
            "text": model.encoders["text"].collate(texts(COUNT)),
        }
        self.groups = np.arange(COUNT) // 2
        model.eval()
        with torch.no_grad():
            self.clean = {m: model.encode(m, x).vector.numpy() for m, x in self.inputs.items()}
        model.train()

    def read(self, modality, where):
        """Return the inputs of some items."""
        if modality == "text":  # as a batch would be padded
            return self.model.encoders["text"].collate([texts(COUNT)[i] for i in where])
        return {"pixels": self.inputs["image"]["pixels"][where]}

    def attacked(self, modality, attack, batch, seed=0):
        """Return the vectors under attack, so many items at once."""
        other = "text" if modality == "image" else "image"
        parts = [np.arange(i, min(COUNT, i + batch)) for i in range(0, COUNT, batch)]
        batches = [(part, partial(self.read, modality, part)) for part in parts]
        gallery = {other: (self.clean[other], self.groups)}
        return attacked_vectors(self.model, modality, batches, self.groups, gallery, attack, seed)


@pytest.mark.parametrize("modality", ["image", "text"])
@pytest.mark.parametrize("attack", [FGSM(), PGD(steps=2)])
def test_no_vector_depends_on_the_batch_it_was_attacked_in(model, modality, attack):
    items = Items(model)
    found = [items.attacked(modality, attack, batch) for batch in (1, 3, COUNT)]
    assert found[0].shape == (COUNT, 16)
    for other in found[1:]:
        np.testing.assert_allclose(found[0], other, atol=1e-4)
    assert np.abs(found[0] - items.clean[modality]).max() > 0.01


@pytest.mark.parametrize("modality", ["image", "text"])
def test_every_item_ranks_its_right_answers_worse_among_the_whole_gallery(model, modality):
    items = Items(model)
    other = "text" if modality == "image" else "image"
    right = torch.from_numpy(items.groups[:, None] == items.groups)
    gallery = torch.from_numpy(items.clean[other])

    def loss(vectors):
        return torch.stack([misranking(v[None] @ gallery.T, right[i : i + 1]) for i, v in enumerate(vectors)])

    before = loss(torch.from_numpy(items.clean[modality]))
    fgsm, pgd = (
        loss(torch.from_numpy(items.attacked(modality, attack, 4)))
        for attack in (FGSM(), PGD(steps=10, random_start=False))
    )
    assert (fgsm > before).all()
    assert pgd.mean() > before.mean()


def test_fgsm_is_the_step_along_the_gradient_against_the_whole_gallery(model):
    items = Items(model)
    model.eval()
    pixels = (items.inputs["image"]["pixels"].float() / 255).requires_grad_()
    scores = model.encode("image", {"pixels": pixels}).vector @ torch.from_numpy(items.clean["text"]).T / 0.07
    loss = torch.zeros(())
    for i in range(COUNT):
        mates = [j for j in range(COUNT) if j // 2 == i // 2]
        wrong = [k for k in range(COUNT) if k // 2 != i // 2]
        for j in mates:
            loss = loss + F.cross_entropy(scores[i, [j, *wrong]][None], torch.tensor([0])) / 2
    (gradient,) = torch.autograd.grad(loss, pixels)
    worst = (pixels + 0.03 * gradient.sign()).clamp(0, 1)
    expected = model.encode("image", {"pixels": worst}).vector.detach()
    np.testing.assert_allclose(items.attacked("image", FGSM(), 3), expected, atol=1e-4)


def test_the_model_is_left_as_it_came(model):
    items = Items(model)
    modes = [module.training for module in model.modules()]
    items.attacked("image", PGD(steps=2), 4)
    assert [module.training for module in model.modules()] == modes
    assert all(parameter.grad is None for parameter in model.parameters())


def test_the_seed_decides_the_random_start(model):
    items = Items(model)
    attack = PGD(epsilon=0.2, steps=1, step_share=0.01)
    one, same, other = (items.attacked("image", attack, 4, seed) for seed in (0, 0, 1))
    assert np.array_equal(one, same)
    assert not np.allclose(one, other, atol=1e-4)


def test_every_item_starts_at_a_place_of_its_own(model):
    items = Items(model)
    pixels = items.inputs["image"]["pixels"]
    pixels[1] = pixels[0]  # of one group too, so that nothing but the start tells them apart
    one, other, *_ = items.attacked("image", PGD(epsilon=0.2, steps=1, step_share=0.01), 4)
    assert not np.allclose(one, other, atol=1e-4)
