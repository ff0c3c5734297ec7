"""Integrated gradients: what each pixel adds on the way from a blurred picture to the picture."""

import torch
from torch import Tensor, nn

from xret.explain import Score
from xret.explain._blur import blurred
from xret.explain.faithfulness import BLUR


class IntegratedGradients:
    """The mean gradient on the straight way from a baseline to the picture, times the way of each pixel.

    Summed over pixels it is the score of the picture less that of the baseline, up to the error of the sum over steps.
    Source: Sundararajan et al. 2017, https://arxiv.org/abs/1703.01365 (sec. 3, eq. 1). The baseline is the blurred
    picture (Sturmfels et al. 2020, https://doi.org/10.23915/distill.00022, "The blurred baseline"), because a black
    one makes dark strokes count nothing. Single pixels are noise to the eye and to a convolution, so the map is
    smoothed.

    Args:
        steps: points on the way, in the middle of equal parts.
        smooth: standard deviation of the Gaussian over the map, as a share of the picture's side.
        batch: points that are computed at a time.

    Raises:
        ValueError: steps or batch is below 1, or smooth below 0.
    """

    def __init__(self, steps: int = 8, smooth: float = 0.03, batch: int = 8) -> None:
        if min(steps, batch) < 1 or smooth < 0:
            raise ValueError(f"need steps and batch of at least 1 and smooth >= 0, got {steps}, {batch} and {smooth}")
        self.steps, self.smooth, self.batch = steps, smooth, batch

    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`."""
        start = blurred(pixels, BLUR * pixels.shape[-1])
        way = pixels - start
        shares = (torch.arange(self.steps, device=pixels.device) + 0.5) / self.steps
        total = torch.zeros_like(pixels)
        for part in torch.split(shares, self.batch):
            with torch.enable_grad():
                points = (start + part[:, None, None, None] * way).detach().requires_grad_()
                (gradient,) = torch.autograd.grad(score(points).sum(), points)
            total += gradient.sum(dim=0)
        heat = (total / self.steps * way).sum(dim=0)
        return blurred(heat, self.smooth * pixels.shape[-1])
