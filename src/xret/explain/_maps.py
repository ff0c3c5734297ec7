"""The maps inside a network that a score goes through, and its gradient at each."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from xret.explain import Score


class Stage(NamedTuple):
    """One map that pictures become, and how their scores change with it.

    Attributes:
        values: (B, C, h, w) float.
        gradient: (B, C, h, w) float, of each picture's own score.
    """

    values: Tensor
    gradient: Tensor


def stages(score: Score, encoder: nn.Module, pictures: Tensor) -> list[Stage]:
    """Return the last map of every resolution that the score depends on, fine to coarse.

    It is the last one that any of the outermost modules gives: a map inside a block may be that of a side branch.
    Parameters may be frozen: the graph begins at the pixels.

    Args:
        score: see `xret.explain`.
        encoder: whose layers are listened to.
        pictures: (B, 3, H, W) float in [0, 1], H = W.

    Raises:
        ValueError: no layer gives a square map coarser than the picture.
    """
    with _listening(encoder, pictures.shape[-1]) as heard, torch.enable_grad():
        value = score(pictures.detach().requires_grad_())
    maps = [heard[side][1:] for side in sorted(heard, reverse=True)]
    gradients = torch.autograd.grad(value.sum(), [m for m, _ in maps], allow_unused=True) if maps else ()
    found = [
        Stage(_channels_first(m.detach(), last), _channels_first(g, last))
        for (m, last), g in zip(maps, gradients, strict=True)
        if g is not None
    ]
    if not found:
        raise ValueError(f"no layer of {type(encoder).__name__} gives a map of places; take another method")
    return found


def enlarged(heat: Tensor, side: int) -> Tensor:
    """Return a map (h, w) at (side, side), bilinear."""
    return F.interpolate(heat[None, None].float(), size=(side, side), mode="bilinear", align_corners=False)[0, 0]


def even(maps: Sequence[Tensor], side: int) -> Tensor:
    """Return the mean of maps (h, w) at (side, side), each scaled to a mean square of 1: all have the same say."""
    large = [enlarged(one, side) for one in maps]
    return torch.stack([one / one.square().mean().sqrt().clamp(min=1e-20) for one in large]).mean(dim=0)


@contextmanager
def _listening(encoder: nn.Module, side: int) -> Iterator[dict[int, tuple[int, Tensor, bool]]]:
    """Collect side of a map -> how deep the module lies that gave it, the map, and whether its channels stand last."""
    heard: dict[int, tuple[int, Tensor, bool]] = {}

    def listener(depth: int) -> Callable[[nn.Module, object, object], None]:
        def hear(_module: nn.Module, _inputs: object, output: object) -> None:
            if not isinstance(output, Tensor) or output.ndim != 4 or not output.requires_grad:
                return
            _, one, two, three = output.shape
            own, last = (two, False) if two == three else (one, True)
            if own == two and 1 < own < side and depth <= heard.get(own, (depth,))[0]:
                heard[own] = depth, output, last

        return hear

    handles = [module.register_forward_hook(listener(name.count("."))) for name, module in encoder.named_modules()]
    try:
        yield heard
    finally:
        for handle in handles:
            handle.remove()


def _channels_first(values: Tensor, last: bool) -> Tensor:
    return values.permute(0, 3, 1, 2) if last else values
