"""Conductance: what each place of the maps adds while the blurred picture becomes the picture, over all resolutions."""

import torch
from torch import Tensor, nn

from xret.explain import Score
from xret.explain._blur import blurred
from xret.explain._maps import even, stages
from xret.explain.faithfulness import BLUR


class Conductance:
    """Gradient times change of every map, place by place, from a blurred picture to the picture; stages averaged.

    LayerCAM counts a map against zero, which no picture gives; here it counts against what the blurred picture gives.
    Within a stage that everything passes through, the map sums to the score less that of the blurred picture, up to the
    error of the sum over steps. Early stages say where, late ones what; those of ``stages: all`` reach the score both
    ways. Each is scaled to a mean square of 1 before they are averaged.

    Source: Dhamdhere et al. 2018, https://arxiv.org/abs/1805.12233 (sec. 3), computed as in Shrikumar et al. 2018,
    https://arxiv.org/abs/1807.09946 (sec. 2), here by the trapezoidal rule.

    Args:
        steps: parts of the way; steps + 1 pictures go through the encoder, forward and back.
        last: how many stages are averaged, from the last one backwards, a stage being all layers of one resolution.

    Raises:
        ValueError: steps or last is below 1.
    """

    def __init__(self, steps: int = 1, last: int = 3) -> None:
        if min(steps, last) < 1:
            raise ValueError(f"need steps and last of at least 1, got {steps} and {last}")
        self.steps, self.last = steps, last

    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`.

        Raises:
            ValueError: the encoder has no map of places.
        """
        start = blurred(pixels, BLUR * pixels.shape[-1])
        shares = torch.linspace(0, 1, self.steps + 1, device=pixels.device)[:, None, None, None]
        maps = []
        for stage in stages(score, encoder, start + shares * (pixels - start))[-self.last :]:
            slope = (stage.gradient[1:] + stage.gradient[:-1]) / 2
            maps.append((slope * stage.values.diff(dim=0)).sum(dim=(0, 1)))
        return even(maps, pixels.shape[-1])
