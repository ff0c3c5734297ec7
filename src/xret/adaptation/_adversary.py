"""A classifier behind a gradient reversal: it learns to tell sets of vectors apart, and they to be told apart less."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class _Reversal(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, vectors: Tensor, strength: float) -> Tensor:  # noqa: ANN401 - torch gives it no type
        ctx.strength = strength
        return vectors.view_as(vectors)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None]:  # noqa: ANN401 - torch gives it no type
        return -ctx.strength * grads[0], None


def reverse(vectors: Tensor, strength: float) -> Tensor:
    """Return the vectors; their gradient comes back times ``-strength``."""
    reversed_: Tensor = _Reversal.apply(vectors, strength)
    return reversed_


def ramp(progress: float, gamma: float) -> float:
    """Return 2 / (1 + exp(-gamma p)) - 1: from 0 towards 1 over the whole training."""
    return 2 / (1 + math.exp(-gamma * progress)) - 1


class Adversary(nn.Module):
    """An MLP with one hidden layer that says which of K sets a vector is from.

    Args:
        in_dim: D, width of the vectors.
        sets: K.
        hidden: width of the hidden layer.

    Raises:
        ValueError: a size is not positive, or ``in_dim`` is missing.
    """

    def __init__(self, in_dim: int | None, sets: int, hidden: int) -> None:
        super().__init__()
        if in_dim is None or min(in_dim, hidden) < 1:
            raise ValueError(f"in_dim, the width of the vectors, and hidden must be above 0, got {in_dim} and {hidden}")
        self.classifier = nn.Sequential(nn.Linear(in_dim, hidden), nn.ReLU(), nn.Linear(hidden, sets))
        self.scale = math.sqrt(in_dim)  # components of unit vectors are around 1 / sqrt(D); a layer expects them near 1

    def forward(self, samples: list[Tensor], strength: float) -> tuple[Tensor, Tensor]:
        """Return the cross-entropy in nats and the accuracy, both with equal weight for each set.

        Args:
            samples: K sets, (N_k, D) each; an empty one counts as guessed: log K nats, accuracy 1 / K.
            strength: of the reversed gradient, in [0, 1].
        """
        losses, hits = [], []
        for number, vectors in enumerate(samples):
            logits = self.classifier(reverse(vectors.float() * self.scale, strength))
            if not len(vectors):
                losses.append(logits.sum() + math.log(len(samples)))
                hits.append(logits.new_tensor(1 / len(samples)))
                continue
            truth = torch.full((len(vectors),), number, device=vectors.device)
            losses.append(F.cross_entropy(logits.float(), truth))
            hits.append((logits.detach().argmax(dim=1) == truth).float().mean())
        return torch.stack(losses).mean(), torch.stack(hits).mean()
