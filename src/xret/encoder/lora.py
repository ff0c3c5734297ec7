"""Low-rank adapters: a frozen network whose matrices are corrected by trained matrices of small rank."""

import copy
import importlib.util
import re
from collections.abc import Iterator
from typing import Any, cast

import torch
from torch import Tensor, nn

from xret._errors import UserError
from xret.encoder.weights import fingerprint_of

_ADAPTER = "lora_"  # in the name of every parameter that is added
_RANK = 8
_ATTENTION = re.compile(r"attn|attention", re.IGNORECASE)


def rank_of(train: str) -> int | None:
    """Return the rank that ``train: lora`` (8) or ``train: lora_R`` asks for; None for what is no LoRA."""
    found = re.fullmatch(r"lora(?:_([1-9]\d*))?", train)
    return None if found is None else int(found[1] or _RANK)


def adapt(network: nn.Module, rank: int) -> list[nn.Module]:
    """Freeze a network, put adapters beside its matrices, and return the adapters.

    A matrix W becomes W + B A with A (rank, in) random and B (out, rank) zero, so the network begins as it was. The
    matrices are the linear layers of attention; in a network without attention, its 1 x 1 convolutions, which are the
    matrices of a convolutional network. BA counts once (alpha equals the rank); there is no dropout.

    Source: Hu et al. 2021, LoRA, https://arxiv.org/abs/2106.09685 (sec. 4.1), there for the queries and values.

    Args:
        network: changed in place.
        rank: R, at least 1.

    Raises:
        ValueError: the network has neither attention in linear layers nor 1 x 1 convolutions.
        UserError: peft is not installed.
    """
    if importlib.util.find_spec("peft") is None:
        raise UserError("train: lora needs the package peft; pip install 'xret[lora]' brings it")
    from peft import LoraConfig, inject_adapter_in_model

    names = _matrices(network)
    if not names:
        raise ValueError(
            f"train: lora needs linear layers of attention or 1 x 1 convolutions, and {type(network).__name__} has "
            "neither; use last_N or all"
        )
    network.requires_grad_(False)
    adapters = LoraConfig(r=rank, lora_alpha=rank, lora_dropout=0.0, target_modules=names)
    inject_adapter_in_model(adapters, network)
    return [module for name, module in network.named_modules() if name.rpartition(".")[2].startswith(_ADAPTER)]


def is_adapted(module: nn.Module) -> bool:
    """Tell whether there are adapters in a module."""
    return any(is_adapter(name) for name, _ in module.named_parameters())


def is_adapter(name: str) -> bool:
    """Tell whether a name in a state dict is that of an adapter's weight."""
    return f".{_ADAPTER}" in name


def is_product(name: str) -> bool:
    """Tell whether a name is that of A, the random half of an adapter's product B A."""
    return f".{_ADAPTER}A." in name


def base_fingerprint(encoder: nn.Module) -> str:
    """Return a hash of the network that adapters adapt, without them and without what else trains."""
    state: dict[str, Tensor] = cast(Any, encoder).network.state_dict()
    return fingerprint_of({"class": "base"}, {name: t for name, t in state.items() if not is_adapter(name)})


@torch.no_grad()
def merged(encoder: nn.Module) -> nn.Module:
    """Return a copy of an encoder with its adapters added to the matrices: a plain network that gives the same vectors.

    Args:
        encoder: as `xret.encoder` describes it; an encoder without adapters comes back as it is.

    Returns:
        An encoder with the modules and names it has without LoRA, frozen, in eval mode.
    """
    plain: Any = copy.deepcopy(encoder)
    if not is_adapted(plain):
        return cast(nn.Module, plain)
    for parent, name, layer in list(_layers(plain.network)):
        layer.merge()
        setattr(parent, name, layer.get_base_layer())
    plain.network.requires_grad_(False)
    plain.trained = []
    return cast(nn.Module, plain.eval())


def _layers(network: nn.Module) -> Iterator[tuple[nn.Module, str, Any]]:
    """Yield every adapted layer with its parent and its name there."""
    from peft.tuners.lora import LoraLayer

    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, LoraLayer):
                yield parent, name, child


def _matrices(network: nn.Module) -> list[str]:
    """Return the names of the layers to adapt."""
    parents: dict[str, nn.Module] = dict(network.named_modules())
    linear = [
        name
        for name, module in parents.items()
        if isinstance(module, nn.Linear)
        and _ATTENTION.search(name)
        and not isinstance(parents[name.rpartition(".")[0]], nn.MultiheadAttention)  # it never calls its layers
    ]
    if linear:
        return linear
    return [
        name
        for name, module in parents.items()
        if isinstance(module, nn.Conv2d) and module.kernel_size == (1, 1) and module.groups == 1
    ]
