"""Steps uphill within bounds: what FGSM does once and PGD many times."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from xret.attack._bounds import Balls, Box

Loss = Callable[[dict[str, Tensor]], Tensor]


def check_epsilons(epsilon: float, epsilon_relative: float) -> None:
    """Raise ValueError unless both bounds lie in (0, 1]."""
    if not 0 < epsilon <= 1:
        raise ValueError(f"epsilon must be in (0, 1], a change of pixels in [0, 1], got {epsilon}")
    if not 0 < epsilon_relative <= 1:
        raise ValueError(f"epsilon_relative must be in (0, 1], a share of a vector's length, got {epsilon_relative}")


def bounds(
    points: Mapping[str, Tensor], rows: Mapping[str, Tensor], epsilon: float, epsilon_relative: float
) -> dict[str, Box | Balls]:
    """Return name -> bound of each point, as the package describes them.

    Raises:
        TypeError: a point is not float32; pixels as they were read are not.
        ValueError: ``rows`` do not fit their point.
    """
    for name, point in points.items():
        if point.dtype != torch.float32:
            raise TypeError(f"the {name} under attack must be float32, got {point.dtype}; divide uint8 pixels by 255")
        if name in rows and rows[name].shape != point.shape[:-1]:
            raise ValueError(
                f"rows of {name} must be {tuple(point.shape[:-1])}, one per vector, got {tuple(rows[name].shape)}"
            )
    return {
        name: Balls(point, rows[name], epsilon_relative) if name in rows else Box(point, epsilon)
        for name, point in ((name, point.detach()) for name, point in points.items())
    }


@torch.enable_grad()
def climb(
    loss: Loss, begin: Mapping[str, Tensor], within: Mapping[str, Box | Balls], steps: int, share: float
) -> dict[str, Tensor]:
    """Go uphill on all points at once.

    Args:
        loss: points -> () float.
        begin: name -> where it starts, within the bound.
        within: name -> bound.
        steps: how many.
        share: length of one, as a share of the longest that a bound allows.

    Returns:
        name -> point within its bound, detached.
    """
    at = {name: point.detach() for name, point in begin.items()}
    for _ in range(steps):
        leaves = {name: point.requires_grad_() for name, point in at.items()}
        gradients = torch.autograd.grad(loss(leaves), list(leaves.values()))
        at = {
            name: within[name].inside(point.detach() + share * within[name].steepest(gradient))
            for (name, point), gradient in zip(leaves.items(), gradients, strict=True)
        }
    return {name: point.detach() for name, point in at.items()}
