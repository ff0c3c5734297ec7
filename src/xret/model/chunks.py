"""Large batches in little memory: encode a few pairs at a time, and once more when their gradient is due."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

from xret._errors import UserError
from xret.encoder import Encoded

Encode = Callable[[dict[str, Tensor]], Encoded]


@dataclass(frozen=True)
class Chunks:
    """Encode ``size`` items at a time and keep what comes out, not what lies between.

    The backward pass computes each chunk again, with the random numbers of the first time, so that dropout is the same.
    The gradient is that of the whole batch: the loss sees all vectors at once. Only what dropout draws differs from a
    batch in one piece. Costs one more forward pass of all chunks but the last, whose gradient is due first: it is kept.

    Same mathematics as GradCache: Gao et al. 2021, Scaling Deep Contrastive Learning Batch Size under Memory Limited
    Setup, https://arxiv.org/abs/2101.06983 (sec. 3.2); here as checkpoints of autograd (Chen et al. 2016,
    https://arxiv.org/abs/1604.06174), without a second training loop.

    Args:
        size: items at a time.
        tokens: modalities whose tokens are kept beside the vectors, for objectives that read them.

    Raises:
        ValueError: size is below 1.
    """

    size: int
    tokens: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.size < 1:
            raise ValueError(f"size must be at least 1 item at a time, got {self.size}")

    def __call__(self, encode: Encode, modality: str, inputs: dict[str, Tensor]) -> Encoded:
        """Encode B items.

        Args:
            encode: tensors of some items -> `Encoded`, each item on its own.
            modality: of the items.
            inputs: tensors (B, ...); stored vectors are encoded in one piece, as they leave nothing to save.

        Returns:
            `Encoded` of all of them; its tokens and mask are None unless they are to be kept.
        """
        count = len(next(iter(inputs.values())))
        if "vector" in inputs or count <= self.size:
            encoded = encode(inputs)
            return encoded if modality in self.tokens else Encoded(encoded.vector)
        names, keep = list(inputs), modality in self.tokens

        def part(*tensors: Tensor) -> tuple[Tensor | None, ...]:
            encoded = encode(dict(zip(names, tensors, strict=True)))
            return tuple(encoded) if keep else (encoded.vector,)

        *early, last = zip(*(torch.split(tensor, self.size) for tensor in inputs.values()), strict=True)
        parts = [checkpoint(part, *tensors, use_reentrant=False) for tensors in early]
        parts.append(part(*last))
        vector, *rest = (None if column[0] is None else torch.cat(column) for column in zip(*parts, strict=True))
        return Encoded(cast(Tensor, vector), *rest)


def refuse_batch_statistics(model: nn.Module) -> None:
    """Refuse a model in which a BatchNorm is in train mode: its statistics would be those of a chunk, and count twice.

    Raises:
        UserError: naming it.
    """
    for name, module in model.named_modules():
        if isinstance(module, _BatchNorm) and module.training:
            raise UserError(
                f"chunk needs vectors that do not depend on the rest of their batch, and the BatchNorm {name} is in "
                "train mode; keep it in eval mode, use GroupNorm or LayerNorm, or set chunk=null"
            )
