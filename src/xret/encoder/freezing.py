"""What trains in a pretrained network, and what must stay as it is."""

import re
from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from xret.encoder.lora import adapt, rank_of


def outermost_blocks(network: nn.Module) -> list[nn.Module]:
    """Return the blocks of a transformer: the `nn.ModuleList` that is nested least.

    Blocks that share weights are listed once: ALBERT has one.

    Raises:
        ValueError: there is no such list.
    """
    lists = [(name.count("."), module) for name, module in network.named_modules() if isinstance(module, nn.ModuleList)]
    if not lists:
        raise ValueError(
            f"{type(network).__name__} has no list of blocks to choose from; use train: head or train: all"
        )
    return list(min(lists, key=lambda pair: pair[0])[1])


def thaw(network: nn.Module, blocks: Sequence[nn.Module], train: str) -> list[nn.Module]:
    """Freeze a network but for its end, and return the parts that train.

    Args:
        network: its modules are registered in the order in which they run.
        blocks: its blocks in that order; what lies between and behind them (norms, projections) goes with them.
        train: "head": nothing in the network; "last_N": the last N blocks and all behind them; "all": everything;
            "lora" or "lora_R": adapters of rank 8 or R, see `xret.encoder.lora`.

    Raises:
        ValueError: `train` is none of these, or asks for more blocks than there are, or adapters have no place.
        UserError: what adapters need is not installed.
    """
    if (rank := rank_of(train)) is not None:
        return adapt(network, rank)
    if train == "all":
        network.requires_grad_(True)
        return [network]
    network.requires_grad_(False)
    if train == "head":
        return []
    number = re.fullmatch(r"last_([1-9]\d*)", train)
    if number is None:
        raise ValueError(f"train must be head, all, last_N or lora_R with N, R = 1, 2, ..., got {train!r}")
    if int(number[1]) > len(blocks):
        raise ValueError(f"train must not ask for more than the {len(blocks)} blocks there are, got {train!r}")
    order = list(network.modules())
    parts = order[order.index(blocks[-int(number[1])]) :]
    for part in parts:
        part.requires_grad_(True)
    return parts


def hold_still(network: nn.Module, trained: Sequence[nn.Module]) -> None:
    """Put a network in eval mode but for the parts that train; BatchNorm never leaves it.

    Frozen parts thus have no dropout, and the running statistics of a pretrained network stay what they were.
    """
    network.eval()
    for part in trained:
        part.train()
    for module in network.modules():
        if isinstance(module, _BatchNorm):
            module.eval()


def is_frozen(module: nn.Module) -> bool:
    """Return whether no parameter of a module trains."""
    return not any(p.requires_grad for p in module.parameters())


def check_lr(lr: float) -> float:
    """Return a learning rate, or raise ValueError unless it is positive."""
    if not lr > 0:
        raise ValueError(f"lr must be positive (train: head freezes an encoder), got {lr}")
    return lr
