"""Adaptations: one number that says how differently two sets of vectors are distributed.

Every adaptation is an `nn.Module` in a file of its own, chosen by ``adaptation=<file name>``. It is called as::

    adaptation(source, target, progress) -> Adapted(loss, health)

    source    modality -> (B, D) float, vectors of the pairs of a batch
    target    modality -> (M, D) float, vectors of unpaired items of the target domain; M need not be B
    progress  share of all training steps that are done, in [0, 1)

and carries ``weight``, above 0, which the objective multiplies the loss with, and ``modalities``, those of which it
wants target items; none where it works on the source alone. It sees no labels and no pairs of the target domain.
"""

from collections.abc import Mapping
from typing import NamedTuple

from torch import Tensor


class Adapted(NamedTuple):
    """What an adaptation says of a batch.

    Attributes:
        loss: () float, to be minimised.
        health: name -> (), numbers to log beside it.
    """

    loss: Tensor
    health: Mapping[str, Tensor]
