"""Occlusion: how far the score falls when a patch of the picture is blurred."""

import torch
from torch import Tensor, nn

from xret.explain import Score
from xret.explain._blur import blurred
from xret.explain.faithfulness import BLUR


class Occlusion:
    """Blur one patch after the other; a place counts the mean fall of the score over the patches that cover it.

    Asks nothing of the encoder but its score. Source: Zeiler and Fergus 2014, https://arxiv.org/abs/1311.2901
    (sec. 4.2), who put grey in place of the patch; grey edges are something to see, on a drawing above all.

    Args:
        grid: patches along a side, half of each over its neighbour: (2 grid - 1)^2 pictures are encoded.
        batch: pictures that are encoded at a time.

    Raises:
        ValueError: grid or batch is below 1.
    """

    def __init__(self, grid: int = 5, batch: int = 16) -> None:
        if min(grid, batch) < 1:
            raise ValueError(f"need grid and batch of at least 1, got {grid} and {batch}")
        self.grid, self.batch = grid, batch

    @torch.no_grad()
    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`."""
        masks = self._masks(pixels)
        away = blurred(pixels, BLUR * pixels.shape[-1])
        whole = score(pixels[None])
        falls = [whole - score(torch.where(part[:, None], away, pixels)) for part in torch.split(masks, self.batch)]
        fall = torch.cat(falls)
        heat = (fall[:, None, None] * masks).sum(dim=0) / masks.sum(dim=0)
        return blurred(heat.float(), pixels.shape[-1] / self.grid / 4)

    def _masks(self, pixels: Tensor) -> Tensor:
        """Return (M, H, W) bool, the patches."""
        height, width = pixels.shape[1:]

        def spans(size: int) -> list[tuple[int, int]]:
            edges = [round(size * i / (2 * self.grid)) for i in range(2 * self.grid + 1)]
            return [(edges[i], edges[i + 2]) for i in range(2 * self.grid - 1)]

        boxes = [(rows, columns) for rows in spans(height) for columns in spans(width)]
        masks = torch.zeros(len(boxes), height, width, dtype=torch.bool, device=pixels.device)
        for mask, ((top, bottom), (left, right)) in zip(masks, boxes, strict=True):
            mask[top:bottom, left:right] = True
        return masks
