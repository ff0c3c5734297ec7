"""Two normal distributions mixed on a line, fitted by expectation maximisation."""

import math

import torch
from torch import Tensor

_FLOOR = 5e-4  # added to variances of values in [0, 1], as NCR and DivideMix do
_TOLERANCE = 1e-6  # of the mean log-likelihood, in nats
_LOOK = 10  # iterations between two looks at it: each look waits for the device


def lower_component(values: Tensor, iterations: int = 200) -> Tensor:
    """Return the posterior probability of each value to come from the component with the lower mean.

    Values are first brought to [0, 1]. The fit begins with the lower and the upper half. A wide component takes over
    again far beyond a narrow one; since small values speak for the lower one only, a value outside the two means is
    judged as if it stood at the nearer of them.

    Source: Dempster et al. 1977, J. Royal Statistical Society B 39(1); on losses: Arazo et al. 2019,
    https://arxiv.org/abs/1904.11238 (sec. 3.1), and Li et al. 2020, DivideMix, https://arxiv.org/abs/2002.07394
    (sec. 3.1).

    Args:
        values: (N,) float, finite.
        iterations: at most.

    Returns:
        (N,) float32; never rising with the value. All ones where there is but one value, or all are the same.
    """
    x = values.double()
    if len(x) < 2 or bool(x.max() - x.min() <= 0):
        return torch.ones_like(values, dtype=torch.float32)
    x = (x - x.min()) / (x.max() - x.min())
    share = _halves(x)
    known = -math.inf
    for iteration in range(1, iterations + 1):
        weight, mean, variance = _maximised(x, share)
        log = _log_densities(x, weight, mean, variance)
        share = log.softmax(dim=0)
        if iteration % _LOOK == 0:
            reached = float(log.logsumexp(dim=0).mean())
            if reached - known < _TOLERANCE:
                break
            known = reached
    weight, mean, variance = _maximised(x, share)
    inside = x.clamp(mean.min(), mean.max())
    return _log_densities(inside, weight, mean, variance).softmax(dim=0)[mean.argmin()].float()


def _halves(x: Tensor) -> Tensor:
    """Return (2, N) shares: the smaller half of the values to the first component, the rest to the second."""
    upper = torch.zeros_like(x)
    upper[x.argsort(stable=True)[len(x) // 2 :]] = 1
    return torch.stack([1 - upper, upper])


def _maximised(x: Tensor, share: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return weights, means and variances (2,) of two components, given their shares (2, N) in each value."""
    total = share.sum(dim=1).clamp(min=1e-12)
    mean = share @ x / total
    variance = (share * (x - mean[:, None]) ** 2).sum(dim=1) / total + _FLOOR
    return total / len(x), mean, variance


def _log_densities(x: Tensor, weight: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    """Return (2, N): log of weight times density."""
    square = (x - mean[:, None]) ** 2 / variance[:, None]
    return weight.log()[:, None] - 0.5 * (square + variance.log()[:, None] + math.log(2 * math.pi))
