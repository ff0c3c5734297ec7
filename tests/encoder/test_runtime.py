"""Frozen networks in ONNX Runtime and OpenVINO: the same vectors as torch, or a refusal."""

import copy
import logging
import os
import pickle
import sys

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from xret._errors import UserError
from xret.encoder import runtime as module
from xret.encoder.image.timm import Timm
from xret.encoder.runtime import Exported, check_runtime

pytest.importorskip("onnx", reason="other runtimes need the extra runtime")
if "XRET_RUNTIMES" not in os.environ:
    pytest.skip("loads other runtimes: see test_runtimes_apart", allow_module_level=True)
RUNTIMES = ("onnx", "openvino")
MODULES = {"onnx": "onnxruntime", "openvino": "openvino"}


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/runtimes"


@pytest.fixture(params=RUNTIMES)
def runtime(request):
    pytest.importorskip(MODULES[request.param], reason="needs the extra runtime")
    return request.param


def pixels(count=5, side=48):
    return torch.randint(0, 256, (count, 3, side, side), dtype=torch.uint8)


def network(**settings):
    return Timm("test_efficientnet", None, image_px=48, **settings)


@pytest.mark.parametrize(
    ("model", "settings"),
    [
        ("test_efficientnet", {"stages": "all"}),
        ("test_efficientnet", {"pooling": "max"}),
        ("test_vit", {"pooling": "cls"}),
        ("test_convnext", {}),
        ("mobilenetv3_small_050", {}),
    ],
)
def test_vectors_and_regions_are_those_of_torch_for_any_number_of_pictures(runtime, model, settings):
    encoder = Timm(model, None, **settings)
    plain = copy.deepcopy(encoder)
    encoder.run_in(runtime)
    assert (plain.runtime, encoder.runtime) == ("torch", runtime)
    for count in (5, 1):
        batch = pixels(count, encoder.image_px).contiguous(memory_format=torch.channels_last)
        with torch.inference_mode():
            found, wanted = encoder({"pixels": batch}), plain({"pixels": batch})
        assert found.vector.shape == wanted.vector.shape
        assert F.cosine_similarity(found.vector, wanted.vector).min() > 0.99999
        torch.testing.assert_close(found.vector, wanted.vector, rtol=1e-3, atol=1e-4)
        torch.testing.assert_close(found.tokens, wanted.tokens, rtol=1e-3, atol=1e-4)


def test_bytes_and_fractions_give_the_same(runtime):
    encoder = network(runtime=runtime)
    batch = pixels()
    found = encoder({"pixels": batch / 255}).vector
    torch.testing.assert_close(found, encoder({"pixels": batch}).vector, rtol=1e-3, atol=1e-4)


def test_what_one_batch_gave_is_not_written_over_by_the_next(runtime):
    encoder = network(runtime=runtime)
    first = encoder({"pixels": pixels()}).vector
    kept = first.clone()
    encoder({"pixels": pixels()})
    assert torch.equal(first, kept)


def test_pixels_that_need_a_gradient_get_it_from_torch(runtime):
    encoder = network(runtime=runtime)
    batch = (pixels() / 255).requires_grad_()
    encoder({"pixels": batch}).vector.sum().backward()
    assert batch.grad.abs().sum() > 0


def test_the_fingerprint_does_not_depend_on_the_runtime_and_a_copy_keeps_it(runtime):
    encoder = network(runtime=runtime)
    batch = pixels()
    vector = encoder({"pixels": batch}).vector
    sent = pickle.loads(pickle.dumps(encoder))
    assert sent.runtime == copy.deepcopy(encoder).runtime == runtime
    torch.testing.assert_close(sent({"pixels": batch}).vector, vector)
    before = encoder.fingerprint()
    encoder.run_in("torch")
    assert encoder.runtime == "torch"
    assert encoder.fingerprint() == before == sent.fingerprint()


def test_a_graph_is_made_once_and_a_damaged_one_again(cache, monkeypatch, caplog):
    pytest.importorskip("onnxruntime", reason="needs the extra runtime")
    encoder = network(runtime="onnx")
    batch = pixels()
    vector = encoder({"pixels": batch}).vector
    (kept,) = cache.iterdir()
    content = kept.read_bytes()
    made = []
    graph = module._graph
    monkeypatch.setattr(module, "_graph", lambda *args: made.append(1) or graph(*args))
    assert torch.equal(copy.deepcopy(encoder)({"pixels": batch}).vector, vector)
    assert made == []
    kept.write_bytes(content[:1000])
    with caplog.at_level(logging.WARNING):
        assert torch.equal(copy.deepcopy(encoder)({"pixels": batch}).vector, vector)
    assert made == [1]
    assert "made again" in caplog.text
    assert [p.name for p in cache.iterdir()] == [kept.name]
    network(runtime="onnx", stages="all")({"pixels": batch})
    assert len(list(cache.iterdir())) == 2


def test_a_cache_that_cannot_be_written_is_told_and_does_not_matter(cache, caplog):
    pytest.importorskip("onnxruntime", reason="needs the extra runtime")
    cache.parent.mkdir()
    cache.write_text("a file where a folder should be")
    with caplog.at_level(logging.WARNING):
        assert network(runtime="onnx")({"pixels": pixels()}).vector.isfinite().all()
    assert "not kept" in caplog.text


class Switching(nn.Module):
    """Traced, it does what it never does otherwise."""

    def forward(self, batch):
        mean = batch.float().mean(dim=(2, 3)) * torch.tensor([1.0, 0.1, 0.01])
        return (mean.flip(1) if torch.jit.is_tracing() else mean,)


def test_a_network_that_does_something_else_there_is_refused():
    pytest.importorskip("onnxruntime", reason="needs the extra runtime")
    with pytest.raises(UserError, match=r"must have a cosine of 0.9999 .* take runtime=torch"):
        Exported("onnx", Switching(), "key")(pixels(2, 8))


class Strange(nn.Module):
    """Does what ONNX has no word for."""

    def forward(self, batch):
        return (torch.linalg.eigvals(batch.float().mean(dim=1)).real,)


def test_a_network_that_cannot_be_exported_is_refused_in_one_line():
    pytest.importorskip("onnxruntime", reason="needs the extra runtime")
    with pytest.raises(UserError, match="cannot be exported"):
        Exported("onnx", Strange(), "key")(pixels(2, 8))


def test_an_encoder_that_trains_stays_in_torch():
    with pytest.raises(ValueError, match="runs frozen encoders"):
        network(train="all", runtime="onnx")


def test_a_runtime_is_one_of_three_and_installed(monkeypatch):
    with pytest.raises(ValueError, match="torch, onnx or openvino, got 'tensorrt'"):
        check_runtime("tensorrt")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UserError, match=r"pip install 'xret\[runtime\]'"):
        check_runtime("openvino")
    assert check_runtime("torch") == "torch"
