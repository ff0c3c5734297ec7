"""What an attack may move of an encoder's inputs, and how the moved goes back in."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Movable:
    """The one tensor of some inputs that an attack moves.

    Attributes:
        key: what the encoder's `forward` knows it by: "pixels", "inputs_embeds", "vector" or "tokens".
        point: (B, ...) float32, detached.
        rows: (B, ...) bool, which vectors may move; None for pixels in [0, 1].
    """

    key: str
    point: Tensor
    rows: Tensor | None


@torch.no_grad()
def movable(encoder: Any, inputs: Mapping[str, Tensor]) -> Movable:  # noqa: ANN401 - an encoder
    """Return what can be moved: pixels, else embeddings of words, else stored tensors. Never token numbers.

    Args:
        encoder: as `xret.encoder` describes it.
        inputs: raw tensors of it, or stored ones.

    Raises:
        ValueError: there is none of these.
    """
    if "pixels" in inputs:
        pixels = inputs["pixels"]
        point = pixels.float() / 255 if pixels.dtype == torch.uint8 else pixels.float()
        layout = torch.channels_last if point.ndim == 4 else torch.preserve_format
        point = point.contiguous(memory_format=layout)  # a gradient for three channels costs a third less so
        return Movable("pixels", point, None)
    if "input_ids" in inputs:
        return Movable("inputs_embeds", encoder.embed(inputs).float(), encoder.words(inputs))
    for key in ("vector", "tokens"):
        if key in inputs:
            point = inputs[key].float()
            rows = torch.ones(point.shape[:-1], dtype=torch.bool, device=point.device)
            if key == "tokens":
                rows = inputs.get("mask", rows)
            return Movable(key, point, rows)
    raise ValueError(f"an attack needs pixels, input_ids, vector or tokens to move, got {', '.join(inputs)}")


def moved(encoder: Any, inputs: Mapping[str, Tensor], what: Movable, to: Tensor) -> dict[str, Tensor]:  # noqa: ANN401
    """Return the inputs with the moved tensor in them; a table of embeddings that trains still gets its gradient.

    Args:
        encoder: as `xret.encoder` describes it.
        inputs: what ``what`` was found in.
        what: from `movable`.
        to: (B, ...) float32, where the attack moved it.
    """
    if what.key == "inputs_embeds" and torch.is_grad_enabled():
        to = encoder.embed(inputs) + (to - what.point)
    return {**inputs, what.key: to}


def size(what: Movable, to: Tensor) -> Tensor:
    """Return how far an attack went, () float: the mean over the items of the largest change of a pixel, or the mean
    over the vectors that may move of the distance over their length.
    """  # noqa: D205 - one sentence
    moved = to - what.point
    if what.rows is None:
        return moved.abs().flatten(1).amax(dim=1).mean()
    length = torch.linalg.vector_norm(what.point, dim=-1).clamp(min=torch.finfo(torch.float32).tiny)
    share = torch.linalg.vector_norm(moved, dim=-1) / length
    mean: Tensor = (share * what.rows).sum() / what.rows.sum().clamp(min=1)
    return mean


@contextmanager
def still(model: nn.Module) -> Iterator[None]:
    """Put a model in eval mode, and afterwards every part of it back into the mode it was in.

    Only what is in train mode is touched: `eval` on the many parts of frozen encoders took a quarter of an attack.
    """
    training = [module for module in model.modules() if module.training]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for module in training:
            module.training = True
