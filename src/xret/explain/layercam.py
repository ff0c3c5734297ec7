"""LayerCAM: gradient times value at every place, over the maps of all resolutions."""

from torch import Tensor, nn

from xret.explain import Score
from xret.explain._maps import even, stages


class LayerCAM:
    """Sum over channels of gradient times value, place by place, for one stage or as the mean of several.

    Source: Jiang et al. 2021, LayerCAM, https://doi.org/10.1109/TIP.2021.3089943 (sec. III-B). There gradients below
    zero are cut off, which suits a class that is there or not; a cosine is a sum of both signs, so here they stay, and
    a stage is scaled to a mean square of 1 before stages are averaged.

    Args:
        last: how many stages are averaged, from the last one backwards, a stage being all layers of one resolution.

    Raises:
        ValueError: last is below 1.
    """

    def __init__(self, last: int = 3) -> None:
        if last < 1:
            raise ValueError(f"last must be at least 1, a number of stages, got {last}")
        self.last = last

    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`.

        Raises:
            ValueError: the encoder has no map of places.
        """
        found = stages(score, encoder, pixels[None])[-self.last :]
        return even([(stage.gradient * stage.values)[0].sum(dim=0) for stage in found], pixels.shape[-1])
