"""What an objective sees of one training step."""

from dataclasses import dataclass, field

from torch import Tensor

from xret.data.batch import Batch
from xret.encoder import Encoded
from xret.model.dual_encoder import DualEncoder


@dataclass
class Step:
    """One batch, encoded.

    Attributes:
        model: the encoders and projections.
        batch: the B pairs.
        encoded: modality -> `Encoded` with unit vectors (B, D), float32.
        progress: share of all training steps that are done, in [0, 1).
        epoch: from 0.
        health: numbers to log beside the losses; objectives write into it.
    """

    model: DualEncoder
    batch: Batch
    encoded: dict[str, Encoded]
    progress: float = 0.0
    epoch: int = 0
    health: dict[str, Tensor] = field(default_factory=dict)
