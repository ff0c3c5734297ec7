"""WiSE-FT: weights between the start of a training and its end."""

from collections.abc import Mapping

import torch
from torch import Tensor

from xret._errors import UserError
from xret.encoder.lora import is_product
from xret.model.dual_encoder import DualEncoder


def trained_weights(model: DualEncoder) -> dict[str, Tensor]:
    """Return a copy, on the CPU, of every weight that trains: all that differs between start and end."""
    return {n: p.detach().cpu().clone() for n, p in model.named_parameters() if p.requires_grad}


@torch.no_grad()
def interpolate(model: DualEncoder, start: Mapping[str, Tensor], end: Mapping[str, Tensor], alpha: float) -> None:
    """Set the weights that train to ``(1 - alpha) start + alpha end``.

    Adapters correct a matrix by a product B A that starts at zero; to scale the correction by alpha, B alone is scaled
    and A is that of the end.

    Source: Wortsman et al. 2022, Robust fine-tuning of zero-shot models, https://arxiv.org/abs/2109.01903 (eq. 1).

    Args:
        model: changed in place.
        start: what `trained_weights` gave before training.
        end: what it gave afterwards.
        alpha: in [0, 1].

    Raises:
        ValueError: alpha is outside [0, 1].
        UserError: start and end are not of this model.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha must be in [0, 1], 0 the start and 1 the end of training, got {alpha}")
    trained = {n: p for n, p in model.named_parameters() if p.requires_grad}
    for weights in (start, end):
        if {n: w.shape for n, w in weights.items()} != {n: p.shape for n, p in trained.items()}:
            raise UserError("the weights of the start are those of another model; train it again to interpolate")
    for name, parameter in trained.items():
        first, last = start[name], end[name]
        parameter.copy_(last if is_product(name) else torch.lerp(first, last, alpha))
