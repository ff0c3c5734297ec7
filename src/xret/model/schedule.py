"""Learning-rate schedules, stepped once per batch."""

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def warmup_cosine(optimizer: Optimizer, total_steps: int, warmup_share: float = 0.05) -> LambdaLR:
    """Rise linearly from zero, then fall to zero along half a cosine.

    Source: Loshchilov and Hutter 2017, SGDR, https://arxiv.org/abs/1608.03983 (eq. 5, one period); warm-up: Goyal et
    al. 2017, https://arxiv.org/abs/1706.02677 (sec. 2.2).

    Args:
        optimizer: its groups keep the ratios of their rates.
        total_steps: steps of the whole training.
        warmup_share: share of the steps spent rising, in [0, 1).

    Raises:
        ValueError: warmup_share is outside [0, 1).
    """
    if not 0 <= warmup_share < 1:
        raise ValueError(f"warmup_share must be in [0, 1), a share of all steps, got {warmup_share}")
    rising = round(warmup_share * total_steps)

    def factor(step: int) -> float:
        if step < rising:
            return (step + 1) / (rising + 1)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, (step - rising) / max(1, total_steps - rising))))

    return LambdaLR(optimizer, factor)


def constant(optimizer: Optimizer, total_steps: int) -> LambdaLR:
    """Keep every rate as it is, whatever ``total_steps`` says."""
    return LambdaLR(optimizer, lambda _: 1.0)
