"""torchvision draws from torch's global generator; here it draws from the one that is handed over."""

from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor


def drawn(transform: Callable[[Tensor], Tensor], p: float, picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a picture as a random transform makes it, or as it is with a probability of 1 - p.

    Torch's generator on the CPU is seeded from ``rng`` meanwhile and is afterwards what it was; those of GPUs are not
    touched.

    Args:
        transform: of (3, H, W) uint8.
        p: probability of applying it.
        picture: (3, H, W) uint8.
        rng: what decides.
    """
    if rng.random() >= p:
        return picture
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(int(rng.integers(2**63)))
        changed: np.ndarray = transform(torch.from_numpy(picture.copy())).numpy()
    return changed
