"""Items of parts in the model: the same as the parts put together by hand, and trained at rates of their own."""

import itertools

import pytest
import torch
import torch.nn.functional as F

from xret.data.batch import Batch
from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.items.early import Early
from xret.items.late import Late
from xret.loss.contrastive import Contrastive
from xret.loss.infonce import InfoNCE
from xret.loss.siglip import SigLIP
from xret.loss.triplet import Triplet
from xret.miner.distance_weighted import DistanceWeighted
from xret.miner.hard import Hard
from xret.miner.inbatch import InBatch
from xret.miner.random import Random
from xret.miner.semihard import SemiHard
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval
from xret.model.step import Step

PRESENT = {"image": torch.tensor([True, True, False, True]), "title": torch.tensor([True, False, True, True])}
LOSSES = (Contrastive, InfoNCE, SigLIP, Triplet)
MINERS = (DistanceWeighted, Hard, InBatch, Random, SemiHard)


def model(kind=Late):
    torch.manual_seed(0)
    encoders = {"text": TextScratch(width=64, train="head"), "image": ImageScratch(width=64, train="head")}
    parts = {"image": Linear(64, 16), "title": Linear(64, 16)}
    fuser = Late(parts) if kind is Late else Early(parts, {"image": 64, "title": 64}, width=8)
    projections = {"text": Linear(64, 16), "item": fuser}
    return DualEncoder(encoders, projections, parts={"image": "image", "title": "text"}, parts_lr=1e-2)


def inputs(seed=1):
    generator = torch.Generator().manual_seed(seed)
    found = {f"{part}.vector": torch.randn(4, 64, generator=generator) for part in PRESENT}
    return found | {f"{part}.present": there for part, there in PRESENT.items()}


def test_an_item_is_what_the_fuser_makes_of_its_parts_at_length_one():
    dual, given = model().eval(), inputs()
    vectors = {part: given[f"{part}.vector"] for part in PRESENT}
    expected = F.normalize(dual.projections["item"](vectors, PRESENT), dim=1)
    torch.testing.assert_close(dual.encode("item", given).vector, expected)
    assert dual.modalities == ("text", "item")


def test_a_title_is_read_by_the_encoder_of_texts_and_projected_by_its_own():
    dual = model().eval()
    words = dual.encoders["text"].collate(["a red apple", "a dog", "x", "y"])
    pictures = dual.encoders["image"].collate([torch.zeros(3, 64, 64, dtype=torch.uint8).numpy()] * 4)
    given = {f"title.{k}": v for k, v in words.items()} | {f"image.{k}": v for k, v in pictures.items()}
    only = {"image.present": torch.zeros(4, dtype=torch.bool), "title.present": torch.ones(4, dtype=torch.bool)}
    encoded = dual.encoders["text"](words).vector
    expected = F.normalize(dual.projections["item"].projections["title"](encoded), dim=1)
    torch.testing.assert_close(dual.encode("item", given | only).vector, expected)
    assert not torch.allclose(expected, dual.encode("text", words).vector)


@pytest.mark.parametrize("kind", [Late, Early])
def test_projections_of_parts_train_as_projections_do_and_the_rest_at_its_own_rate(kind):
    dual = model(kind)
    groups = dual.parameter_groups([], lr=1e-4, others_lr=1.0, weight_decay=0.1)
    rate = {id(p): g["lr"] for g in groups for p in g["params"]}
    fuser = dual.projections["item"]
    parts = {id(p) for p in fuser.projections.parameters()}
    assert {rate[key] for key in parts} == {1e-4}
    assert {rate[id(p)] for p in fuser.parameters() if id(p) not in parts} == {1e-2}
    assert sum(len(g["params"]) for g in groups) == len(rate)


def test_the_report_says_what_parts_weigh_and_nothing_where_there_are_none():
    assert set(model().report()) == {"item_weight_image", "item_weight_title"}
    assert DualEncoder({}, {}).report() == {}


@pytest.mark.parametrize(("loss", "miner"), list(itertools.product(LOSSES, MINERS)))
def test_every_loss_with_every_miner_takes_a_step_that_lacks_no_part(loss, miner):
    dual, given = model(), inputs()
    for part in PRESENT:
        given[f"{part}.vector"].requires_grad_()
    text = {"vector": torch.randn(4, 64, generator=torch.Generator().manual_seed(2))}
    batch = Batch({"text": text, "item": given}, torch.arange(4), torch.ones(4), torch.zeros(4), torch.arange(4))
    step = Step(dual, batch, {m: dual.encode(m, x) for m, x in batch.inputs.items()})
    total = Retrieval(loss(), miner())(step)["retrieval"]
    total.backward()
    assert total.isfinite()
    for part, there in PRESENT.items():
        assert (given[f"{part}.vector"].grad[~there] == 0).all()
    assert all(p.grad.isfinite().all() for p in dual.projections.parameters())
