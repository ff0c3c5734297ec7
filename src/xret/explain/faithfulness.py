"""Faithfulness: does the score fall when the hottest places of a picture are removed first?"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from xret.explain import Score
from xret.explain._blur import blurred

BLUR = 1 / 12
"""Standard deviation of what stands in place of removed pixels, as a share of the picture's side."""

WAYS = ("blur", "mean")


@dataclass(frozen=True)
class Faithfulness:
    """Areas under the curves of the score, each the mean over the share of removed or restored pixels.

    Attributes:
        score: of the whole picture.
        blank: of the picture with everything removed.
        deletion: area while the hottest pixels are removed first; less is better.
        insertion: area while the hottest pixels are restored first; more is better.
        random: (R,) the same area for random maps; those of deletion and of insertion have one distribution, because
            a random map turned round is a random map.
    """

    score: float
    blank: float
    deletion: float
    insertion: float
    random: tuple[float, ...]

    @property
    def chance(self) -> float:
        """The mean area of random maps; not a number where there are none."""
        return sum(self.random) / len(self.random) if self.random else math.nan


def faithfulness(
    score: Score, pixels: Tensor, heat: Tensor, steps: int = 10, randoms: int = 4, seed: int = 0, away: str = "blur"
) -> Faithfulness:
    """Measure a map by deletion and insertion, beside random maps that are as smooth as it is.

    Source: Petsiuk et al. 2018, RISE, https://arxiv.org/abs/1806.07421 (sec. 3.3). The blurred picture stands in place
    of removed pixels, in both: it keeps the colour around and makes no edges, while one colour draws the outline of
    what it covers, and that is something to see. Rivals are not noise, which no network looks at, but maps with the
    very power spectrum of the measured one and random phases (Theiler et al. 1992,
    https://doi.org/10.1016/0167-2789(92)90102-S, sec. 2.4.1): blobs of the same sizes, elsewhere.

    Args:
        score: see `xret.explain`.
        pixels: (3, H, W) float in [0, 1].
        heat: (H, W) float.
        steps: equal parts in which pixels are removed.
        randoms: R, random maps.
        seed: of the random maps.
        away: what stands in place of removed pixels: blur, or mean, the mean colour of the picture.

    Raises:
        ValueError: steps is below 1, randoms below 0, or away another word.
    """
    if steps < 1 or randoms < 0 or away not in WAYS:
        raise ValueError(f"need steps >= 1, randoms >= 0 and away blur or mean, got {steps}, {randoms}, {away}")
    empty = removed(pixels, away)
    curve = _Curve(score, pixels, empty, steps)
    generator = torch.Generator().manual_seed(seed)
    rivals = [curve(alike(heat, generator)) for _ in range(randoms)]
    return Faithfulness(curve.whole, curve.blank, curve(heat), curve(-heat), tuple(rivals))


def removed(pixels: Tensor, away: str) -> Tensor:
    """Return what stands in place of removed pixels, (3, H, W)."""
    if away == "mean":
        return pixels.mean(dim=(1, 2), keepdim=True).expand_as(pixels)
    return blurred(pixels, BLUR * pixels.shape[-1])


def alike(heat: Tensor, generator: torch.Generator) -> Tensor:
    """Return a random map with the power spectrum of another one.

    Args:
        heat: (H, W) float.
        generator: on the CPU.
    """
    noise = torch.randn(heat.shape, generator=generator).to(heat.device)
    phases = torch.fft.rfft2(noise)
    size = torch.fft.rfft2(heat.float()).abs()
    rival: Tensor = torch.fft.irfft2(size * phases / phases.abs().clamp(min=1e-12), s=heat.shape)
    return rival


class _Curve:
    """Areas under the curve of a score while a picture is removed in the order of a map."""

    @torch.no_grad()
    def __init__(self, score: Score, pixels: Tensor, empty: Tensor, steps: int) -> None:
        self.score, self.pixels, self.empty, self.steps = score, pixels, empty, steps
        self.whole, self.blank = score(torch.stack([pixels, empty])).float().tolist()

    @torch.no_grad()
    def __call__(self, heat: Tensor) -> float:
        """Return the area, by the trapezoidal rule; ties fall in the order of reading."""
        order = heat.flatten().argsort(descending=True, stable=True)
        place = torch.empty_like(order)
        place[order] = torch.arange(len(order), device=order.device)
        shares = torch.arange(1, self.steps, device=order.device) / self.steps
        gone = place.reshape(heat.shape) < (shares * len(order))[:, None, None]  # (steps - 1, H, W)
        inner: list[float] = []
        for part in torch.split(gone, 16):
            inner += self.score(torch.where(part[:, None], self.empty, self.pixels)).float().tolist()
        area: float = ((self.whole + self.blank) / 2 + sum(inner)) / self.steps
        return area
