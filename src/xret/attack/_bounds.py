"""What an attack may do to a point: the steepest direction within a bound, the way back into it, a start in it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Rand = Callable[[Sequence[int]], Tensor]

_TINY = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class Box:
    """Every pixel within ``epsilon`` of where it was, and in [0, 1].

    Attributes:
        origin: (B, ...) float32 in [0, 1].
        epsilon: the most that one pixel may change.
    """

    origin: Tensor
    epsilon: float

    def steepest(self, gradient: Tensor) -> Tensor:
        """Return the longest step within the bound along which a linear loss rises most."""
        return self.epsilon * gradient.sign()

    def inside(self, point: Tensor) -> Tensor:
        """Return the nearest point within the bound."""
        return point.clamp(self.origin - self.epsilon, self.origin + self.epsilon).clamp(0, 1)

    def start(self, rand: Rand | None) -> Tensor:
        """Return a point drawn uniformly from the bound."""
        drawn = _uniform(self.origin, self.origin.shape, rand)
        return self.inside(self.origin + self.epsilon * (2 * drawn - 1))


@dataclass(frozen=True)
class Balls:
    """Every vector within a ball around where it was, whose radius is a share of its length.

    Attributes:
        origin: (B, ..., D) float32.
        rows: (B, ...) bool, the vectors that may move.
        epsilon: radius over length.
    """

    origin: Tensor
    rows: Tensor
    epsilon: float

    @property
    def _radius(self) -> Tensor:
        length: Tensor = torch.linalg.vector_norm(self.origin, dim=-1, keepdim=True)
        return self.epsilon * length * self.rows[..., None]

    def steepest(self, gradient: Tensor) -> Tensor:
        """Return the longest step within the bound along which a linear loss rises most."""
        step: Tensor = self._radius * _unit(gradient)
        return step

    def inside(self, point: Tensor) -> Tensor:
        """Return the nearest point within the bound."""
        moved = point - self.origin
        length = torch.linalg.vector_norm(moved, dim=-1, keepdim=True)
        kept: Tensor = moved * (self._radius / length.clamp(min=_TINY)).clamp(max=1)
        return self.origin + kept

    def start(self, rand: Rand | None) -> Tensor:
        """Return a point drawn uniformly from the bound."""
        *batch, width = self.origin.shape
        drawn = _uniform(self.origin, (*batch, width + 1), rand)  # at once: what one vector gets, no later one changes
        normal = torch.erfinv((2 * drawn[..., :-1] - 1).clamp(-1 + 1e-6, 1 - 1e-6))
        return self.origin + self._radius * _unit(normal) * drawn[..., -1:] ** (1 / width)


def _uniform(like: Tensor, shape: Sequence[int], rand: Rand | None) -> Tensor:
    return torch.rand(tuple(shape), device=like.device) if rand is None else rand(shape).to(like)


def _unit(vectors: Tensor) -> Tensor:
    """Return vectors of length 1, zeros for zeros; gradients may be so small that their squares vanish."""
    scaled = vectors / vectors.abs().amax(dim=-1, keepdim=True).clamp(min=_TINY)
    unit: Tensor = scaled / torch.linalg.vector_norm(scaled, dim=-1, keepdim=True).clamp(min=_TINY)
    return unit
