"""PGD: many short steps, each brought back into the bound."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor

from xret.attack._bounds import Rand
from xret.attack._walk import Loss, bounds, check_epsilons, climb


@dataclass(frozen=True)
class PGD:
    """Projected gradient ascent within the bound.

    Pixels:  x <- P(x + step_share epsilon sign(g)), P clamping to [x0 - epsilon, x0 + epsilon] and to [0, 1].
    Vectors: x <- P(x + step_share epsilon_relative |x0| g / |g|), P shortening what lies outside the ball around x0.

    Source: Madry et al. 2018, https://arxiv.org/abs/1706.06083 (sec. 2.1; sec. 5 has 7 steps of a quarter of the
    bound in training, from a random start).

    Args:
        epsilon: the most that one pixel changes, pixels being in [0, 1].
        epsilon_relative: the most that a vector moves, over its length.
        steps: how many.
        step_share: length of a step, over the bound.
        random_start: start at a point drawn uniformly from the bound, and not at the input itself.

    Raises:
        ValueError: an argument is outside its range.
    """

    epsilon: float = 0.03
    epsilon_relative: float = 0.1
    steps: int = 7
    step_share: float = 0.25
    random_start: bool = True

    def __post_init__(self) -> None:
        check_epsilons(self.epsilon, self.epsilon_relative)
        if self.steps < 1:
            raise ValueError(f"steps must be at least 1, got {self.steps}")
        if not 0 < self.step_share <= 2:
            raise ValueError(
                f"step_share must be in (0, 2]: 2 crosses the whole bound in one step, got {self.step_share}"
            )

    @property
    def name(self) -> str:
        """What a table calls it."""
        return f"PGD-{self.steps}"

    def __call__(
        self, loss: Loss, points: Mapping[str, Tensor], rows: Mapping[str, Tensor], rand: Rand | None = None
    ) -> dict[str, Tensor]:
        """Return the moved points, see the package."""
        within = bounds(points, rows, self.epsilon, self.epsilon_relative)
        begin = dict(points)
        if self.random_start:
            begin = {name: bound.start(rand) for name, bound in within.items()}
        return climb(loss, begin, within, self.steps, self.step_share)
