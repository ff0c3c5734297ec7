"""What every method owes, whatever the network: a map of the picture's size that is finite and not flat."""

from pathlib import Path

import pytest
import torch
import yaml
from hydra.utils import instantiate

from xret.explain.background import share_outside

OPTIONS = sorted(Path(__file__).parents[2].glob("conf/explain/*.yaml"))
METHODS = [p.stem for p in OPTIONS]
OF_CNN = [m for m in METHODS if m != "relevance"]
OF_VIT = [m for m in METHODS if m not in ("conductance", "gradcam", "layercam")]


def made(name):
    return instantiate(yaml.safe_load((OPTIONS[0].parent / f"{name}.yaml").read_text()))


@pytest.mark.parametrize(
    ("kind", "name"), [*(("cnn", m) for m in OF_CNN), *(("vit", m) for m in OF_VIT)], ids=lambda v: v
)
def test_a_map_has_the_size_of_the_picture_and_tells_places_apart(tiny, pixels, kind, name):
    encoder = tiny(kind)
    before = {k: v.clone() for k, v in encoder.state_dict().items()}
    heat = made(name)(encoder.score, encoder, pixels)
    assert heat.shape == pixels.shape[1:]
    assert heat.isfinite().all()
    assert heat.std() > 0
    assert not heat.requires_grad
    assert all(torch.equal(v, before[k]) for k, v in encoder.state_dict().items())
    assert not any(module._forward_hooks for module in encoder.modules()), "a hook was left behind"


@pytest.mark.parametrize("name", OF_CNN)
def test_the_only_patch_that_drives_the_score_is_hot(planted, name):
    encoder, picture = planted
    heat = made(name)(encoder.score, encoder, picture)
    near = torch.zeros_like(heat)
    near[0:16, 12:28] = 1  # the patch and half its size around it: a quarter of the picture
    assert share_outside(heat, near) < 0.1


@pytest.mark.parametrize(("kind", "name"), [("cnn", "layercam"), ("vit", "relevance")])
def test_a_map_follows_the_score_and_not_the_picture_alone(tiny, pixels, kind, name):
    encoder = tiny(kind)

    def of(channel):
        return made(name)(lambda p: encoder.network(p)[:, channel], encoder, pixels)

    assert not torch.allclose(of(0) / of(0).abs().max(), of(5) / of(5).abs().max(), atol=0.05)


def test_there_are_methods_for_both_kinds():
    assert len(OF_CNN) >= 4
    assert len(OF_VIT) >= 3
