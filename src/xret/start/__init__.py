"""Where the projections of frozen encoders begin: at random, or at a solution in closed form.

A start is chosen by ``start=<file name>`` and is called once, before training::

    start(pairs, dim, weight=None, plan=None) -> {modality: Affine}

    pairs   modality -> (N, D) float32 features of the training pairs; row i of each belongs together
    dim     K, size of the common space
    weight  (N,) float, how much each pair counts, at least zero; None: all the same
    plan    (N, N) float, dense or sparse, how much row i of the first modality belongs with row j of the second;
            None: i with i alone

It needs stored features of every modality and linear projections. ``lr`` is the learning rate of projections that
begin there: a good beginning is soon forgotten at the rate that a random one needs.
"""

from typing import NamedTuple

import numpy as np


class Affine(NamedTuple):
    """A map of standardised features, ``weight @ ((x - mean) * scale) + bias``.

    Attributes:
        mean: (D,) float32.
        scale: (D,) float32.
        weight: (K, D) float32.
        bias: (K,) float32.
    """

    mean: np.ndarray
    scale: np.ndarray
    weight: np.ndarray
    bias: np.ndarray

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Return (N, K) float32 for (N, D) features."""
        mapped: np.ndarray = (features - self.mean) * self.scale @ self.weight.T + self.bias
        return mapped
