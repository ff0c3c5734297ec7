"""FGSM: one step as long as the bound allows, against the gradient's sign."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from xret.attack._bounds import Rand
from xret.attack._walk import Loss, bounds, check_epsilons, climb


@dataclass(frozen=True)
class FGSM:
    """The fast gradient sign method.

    Pixels:  x + epsilon sign(g), clamped to [0, 1], g being the gradient of the loss at x.
    Vectors: x + epsilon_relative |x| g / |g|, the same step for the Euclidean norm.

    Source: Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572 (sec. 4); for word embeddings: Miyato et al. 2017,
    https://arxiv.org/abs/1605.07725 (eq. 5, with a bound relative to each word's own embedding).

    Args:
        epsilon: the most that one pixel changes, pixels being in [0, 1].
        epsilon_relative: the most that a vector moves, over its length.

    Raises:
        ValueError: a bound is outside (0, 1].
    """

    epsilon: float = 0.03
    epsilon_relative: float = 0.1

    def __post_init__(self) -> None:
        check_epsilons(self.epsilon, self.epsilon_relative)

    @property
    def name(self) -> str:
        """What a table calls it."""
        return "FGSM"

    def __call__(
        self, loss: Loss, points: Mapping[str, Tensor], rows: Mapping[str, Tensor], rand: Rand | None = None
    ) -> dict[str, Tensor]:
        """Return the moved points, see the package; ``rand`` is not needed: nothing is drawn."""
        return climb(loss, points, bounds(points, rows, self.epsilon, self.epsilon_relative), steps=1, share=1.0)
