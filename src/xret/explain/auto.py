"""The method that was most faithful on validation pairs, by what kind of network it is."""

from torch import Tensor, nn

from xret.explain import Score
from xret.explain.conductance import Conductance
from xret.explain.integrated_gradients import IntegratedGradients
from xret.explain.relevance import attends


class Auto:
    """Conductance for networks with maps, integrated gradients for networks of attention over all patches.

    The figures are in ``experiments/explain.md``.
    """

    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`."""
        method = IntegratedGradients() if attends(score, pixels) else Conductance()
        return method(score, encoder, pixels)
