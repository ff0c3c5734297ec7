"""Items that a matcher has read, and the logits it gives to pairs of them."""

from collections.abc import Iterable, Mapping

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xret.model.dual_encoder import DualEncoder, Side

_PAIRS = 1024  # scored at once


def read(model: DualEncoder, modality: str, inputs: Mapping[str, Tensor]) -> Side:
    """Return what the model's matcher keeps of B items, on the device of the model.

    Args:
        model: with a matcher, in eval mode.
        modality: "text", "image", ...
        inputs: raw tensors, or stored vectors with their tokens.
    """
    device = next(model.parameters()).device
    encoded = model.encode(modality, {name: tensor.to(device) for name, tensor in inputs.items()})
    return model.read(modality, encoded)


def joined(parts: Iterable[Side]) -> Side:
    """Return items that were read in several batches as one; shorter sequences end in padding."""
    sides = list(parts)
    longest = max(side.tokens.shape[1] for side in sides)
    missing = [longest - side.tokens.shape[1] for side in sides]
    return sides[0]._replace(
        vector=torch.cat([side.vector for side in sides]),
        tokens=torch.cat([F.pad(side.tokens, (0, 0, 0, n)) for side, n in zip(sides, missing, strict=True)]),
        mask=torch.cat([F.pad(side.mask, (0, n)) for side, n in zip(sides, missing, strict=True)]),
    )


@torch.inference_mode()
def pair_logits(
    model: DualEncoder,
    query: str,
    queries: Side,
    target: str,
    targets: Side,
    candidates: np.ndarray,
) -> np.ndarray:
    """Return the matcher's logits of each query with each of its candidates.

    Short pairs are scored with short ones, so that little is padding.

    Args:
        model: with a matcher, in eval mode.
        query: modality of the queries.
        queries: Q of them, as `read` gives them.
        target: modality of the targets.
        targets: T of them.
        candidates: (Q, K) int64, positions among the targets.

    Returns:
        (Q, K) float32.
    """
    names = list(model.matcher.readers)
    device = queries.vector.device
    lefts = torch.arange(len(candidates), device=device).repeat_interleave(candidates.shape[1])
    rights = torch.from_numpy(candidates.reshape(-1)).to(device)
    order = (_lengths(queries)[lefts] + _lengths(targets)[rights]).argsort()
    logits = torch.empty(len(order), device=device)
    for begin in range(0, len(order), _PAIRS):
        now = order[begin : begin + _PAIRS]
        pair = _trimmed(queries.at(lefts[now])), _trimmed(targets.at(rights[now]))
        logits[now] = model.matcher(*(pair if names.index(query) < names.index(target) else pair[::-1]))
    return logits.cpu().numpy().reshape(candidates.shape)


def _lengths(side: Side) -> Tensor:
    """Return (B,) int64: the place behind the last token that counts, at least 1."""
    places = torch.arange(1, side.mask.shape[1] + 1, device=side.mask.device)
    lengths: Tensor = (side.mask * places).amax(dim=1).clamp(min=1)
    return lengths


def _trimmed(side: Side) -> Side:
    """Return the same items without what is padding in all of them."""
    longest = int(_lengths(side).max())
    return side._replace(tokens=side.tokens[:, :longest], mask=side.mask[:, :longest])
