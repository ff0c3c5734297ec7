"""Grad-CAM: the last map of a convolutional network, its channels weighted by their mean gradient."""

from torch import Tensor, nn

from xret.explain import Score
from xret.explain._maps import enlarged, stages


class GradCAM:
    """Sum of the channels of the last map, each times the mean over all places of the gradient of the score.

    Source: Selvaraju et al. 2017, https://arxiv.org/abs/1610.02391 (sec. 3, eq. 1 and 2). The paper cuts values below
    zero off; here they stay, because the order of places is measured, and are cut off where a map is drawn. It sees
    the last map alone: what earlier stages add to a score beside it (``stages: all``) is not in it.
    """

    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`.

        Raises:
            ValueError: the encoder has no map of places.
        """
        last = stages(score, encoder, pixels[None])[-1]
        weights = last.gradient.mean(dim=(2, 3), keepdim=True)  # (1, C, 1, 1)
        return enlarged((weights * last.values)[0].sum(dim=0), pixels.shape[-1])
