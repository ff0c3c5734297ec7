"""Networks of `timm` with the weights a configuration names."""

import difflib
import itertools
import pickle
from pathlib import Path
from typing import Any

import huggingface_hub
import timm
from safetensors import SafetensorError
from timm.models import load_state_dict
from torch import Tensor, nn

from xret._errors import UserError
from xret.encoder.weights import reach_hub, resolve, unavailable

FILES = ("model.safetensors", "pytorch_model.bin")


def make_network(model: str, weights: str | None, image_px: int | None, drop_path: float) -> nn.Module:
    """Return a network without classifier and without pooling, every weight read from the file.

    Args:
        model: timm's name.
        weights: "hub", a file or folder (see `xret.encoder.weights.resolve`), or None for random ones.
        image_px: size of the pictures; networks made for one size get theirs changed, others take any.
        drop_path: stochastic depth.

    Raises:
        UserError: the model is unknown, or the weights cannot be loaded or do not fit it.
    """
    known = _config(model)
    options: dict[str, Any] = {"drop_path_rate": drop_path} if drop_path else {}
    if image_px and known["fixed_input_size"] and image_px != known["input_size"][-1]:
        options["img_size"] = image_px
    overlay: dict[str, Any] = {}
    if weights == "hub":
        overlay = _cached(model, known["hf_hub_id"], known["hf_hub_filename"] or FILES[0])
    elif weights is not None:
        overlay["state_dict"] = state = read_checkpoint(weights)
        overlay["custom_load"] = False
        rows = state.get(f"{_first(known['classifier'])}.weight")
        options["num_classes"] = overlay["num_classes"] = 0 if rows is None else len(rows)
    try:
        network: Any = timm.create_model(
            model, pretrained=weights is not None, pretrained_cfg_overlay=overlay, **options
        )
    except OSError as error:
        raise unavailable(model, error) from error
    except RuntimeError as error:
        line = " ".join(str(error).split())[:200]
        raise UserError(f"the weights {weights!r} do not fit the model {model!r} at this image_px: {line}") from error
    network.pretrained_cfg.pop("state_dict", None)
    network.reset_classifier(0, "")
    stripped: nn.Module = network
    return stripped


def _cached(model: str, owner_and_name: str | None, file: str) -> dict[str, Any]:
    """Return where timm finds a model's own weights: in the local cache; or nothing, when it may ask the hub."""
    if owner_and_name is None:
        raise UserError(f"timm publishes no weights for {model}; give weights as a file or folder, or null for random")
    cached = huggingface_hub.try_to_load_from_cache(owner_and_name, file)
    if isinstance(cached, str):
        return {"file": cached}
    reach_hub(f"{model} ({owner_and_name})")
    return {}


def read_checkpoint(weights: str) -> dict[str, Tensor]:
    """Return the tensors of a checkpoint by the names timm gives them.

    Args:
        weights: a file, or a folder that holds one of `FILES`.

    Raises:
        UserError: there is no such file, or it is broken.
    """
    path = Path(resolve(weights))
    if path.is_dir():
        path = next((path / name for name in FILES if (path / name).exists()), path / FILES[0])
    try:
        state: dict[str, Tensor] = load_state_dict(str(path), weights_only=True)
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError, SafetensorError) as error:
        raise unavailable(weights, error) from error
    lite = "_conv_stem.weight" in state and not any("._se_" in key for key in state)
    return rename(state) if lite else state


def rename(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return an EfficientNet-Lite of the EfficientNet-PyTorch family under timm's names, tensor by tensor.

    There, blocks are numbered through and their norms start at 0 with the expansion; here, blocks are numbered within
    stages and norms start at 1. A stage is a run of blocks with output of one width.
    """
    outside = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
    slim = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
    wide = {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2"}
    wide |= {"_project_conv": "conv_pwl", "_bn2": "bn3"}
    places = _places(state)
    renamed = {}
    for key, tensor in state.items():
        if key.startswith("_blocks."):
            _, number, part, leaf = key.split(".", 3)
            names = wide if f"_blocks.{number}._expand_conv.weight" in state else slim
            renamed[f"blocks.{places[number]}.{names[part]}.{leaf}"] = tensor
        else:
            part, _, leaf = key.partition(".")
            renamed[f"{outside[part]}.{leaf}"] = tensor
    return renamed


def _places(state: dict[str, Tensor]) -> dict[str, str]:
    """Return block number -> "stage.place"."""
    places: dict[str, str] = {}
    stage, place, width = -1, 0, 0
    for number in itertools.count():
        project = state.get(f"_blocks.{number}._project_conv.weight")
        if project is None:
            return places
        stage, place = (stage, place + 1) if len(project) == width else (stage + 1, 0)
        width = len(project)
        places[str(number)] = f"{stage}.{place}"
    return places


def _config(model: str) -> dict[str, Any]:
    """Return what timm knows of a model.

    Raises:
        UserError: it knows none of that name.
    """
    if not timm.is_model(model):
        near = ", ".join(difflib.get_close_matches(model, timm.list_models(), n=3)) or "see timm.list_models()"
        raise UserError(f"timm knows no model {model!r}; did you mean: {near}")
    return vars(timm.get_pretrained_cfg(model))


def _first(classifier: str | tuple[str, ...]) -> str:
    """Return the name of the classifier; distilled networks have two."""
    return classifier if isinstance(classifier, str) else classifier[0]
