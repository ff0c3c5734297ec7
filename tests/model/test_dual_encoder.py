"""Two encoders, one space: unit vectors, and who trains at which rate."""

import torch
from torch import nn

from xret.encoder.image.scratch import Scratch as ImageScratch
from xret.encoder.projection.linear import Linear
from xret.encoder.text.scratch import Scratch as TextScratch
from xret.loss.infonce import InfoNCE
from xret.model.dual_encoder import DualEncoder


def model():
    encoders = {"text": TextScratch(width=64, lr=1e-5), "image": ImageScratch(width=64, train="head")}
    return DualEncoder(encoders, {m: Linear(64, 16) for m in encoders})


def test_vectors_have_length_one_in_float32_under_autocast_too():
    dual = model().eval()
    inputs = dual.encoders["text"].collate(["a red apple", "a dog"])
    for enabled in (False, True):
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=enabled):
            vector = dual.encode("text", inputs).vector
        assert vector.dtype == torch.float32
        torch.testing.assert_close(vector.norm(dim=1), torch.ones(2))


def test_every_trained_parameter_is_in_one_group_with_its_own_rate():
    dual, loss = model(), InfoNCE()
    groups = dual.parameter_groups([loss], lr=1e-3, others_lr=1e-2, weight_decay=0.1)
    rate = {id(p): g["lr"] for g in groups for p in g["params"]}
    decay = {id(p): g["weight_decay"] for g in groups for p in g["params"]}
    assert sum(len(g["params"]) for g in groups) == len(rate)
    for parameter in (*dual.parameters(), *loss.parameters()):
        assert (id(parameter) in rate) == parameter.requires_grad
        if parameter.requires_grad:
            assert decay[id(parameter)] == (0.1 if parameter.ndim > 1 else 0)
    assert {rate[id(p)] for p in dual.encoders["text"].parameters()} == {1e-5}
    assert {rate[id(p)] for p in dual.projections.parameters()} == {1e-3}
    assert rate[id(loss.log_scale)] == 1e-2


def test_what_is_shared_is_trained_once():
    shared = Linear(64, 16)
    encoders = {"text": TextScratch(width=64), "image": ImageScratch(width=64)}
    dual = DualEncoder(encoders, nn.ModuleDict({"text": shared, "image": shared}))
    groups = dual.parameter_groups([], 1e-3, 1e-3, 0.0)
    listed = [id(p) for g in groups for p in g["params"]]
    assert len(listed) == len(set(listed))
