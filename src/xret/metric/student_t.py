"""Student's t, from its density alone."""

import math
from functools import lru_cache

import numpy as np


def t_quantile(dof: float, alpha: float) -> float:
    """Return what the size of Student's t exceeds with probability ``alpha``.

    With t = sqrt(dof) tan(x) the density becomes cos(x) ** (dof - 1), which is summed up on a grid.

    Args:
        dof: degrees of freedom, at least 1; need not be whole.
        alpha: in (0, 1); below 1e-6 the answer is that of 1e-6 or smaller.
    """
    angles, outside = _t_table(dof)
    return math.sqrt(dof) * abs(math.tan(float(np.interp(alpha, outside, angles))))


@lru_cache(maxsize=256)
def _t_table(dof: float) -> tuple[np.ndarray, np.ndarray]:
    """Return angles x, falling to 0, and the probability, rising to 1, that the size of t exceeds sqrt(dof) tan(x)."""
    angles = np.linspace(0, min(math.pi / 2, 12 / math.sqrt(dof)), 20001)
    density = np.abs(np.cos(angles)) ** (dof - 1)
    area = np.concatenate([[0], np.cumsum((density[1:] + density[:-1]) / 2)])
    return angles[::-1].copy(), (1 - area / area[-1])[::-1].copy()
