"""Attention matrices of a network, whichever way it computes them."""

import math
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_SOFTMAX = (torch.softmax, Tensor.softmax, F.softmax)


class Attentions(TorchFunctionMode):
    """Collects the attention matrices (B, heads, L, L) of everything computed inside its context, in order.

    `timm` and `transformers` call torch's fused attention, which does not give its matrix away: here it is computed
    step by step instead. Attention that is computed step by step already is seen at its softmax.

    Attributes:
        matrices: what was collected, each a part of the graph.
    """

    def __init__(self) -> None:
        super().__init__()
        self.matrices: list[Tensor] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # noqa: ANN401
        """Compute fused attention step by step, and everything else as it is."""
        kwargs = kwargs or {}
        if func is F.scaled_dot_product_attention:
            return self._attend(*args, **kwargs)
        output = func(*args, **kwargs)
        if func in _SOFTMAX and output.ndim == 4 and output.shape[-1] == output.shape[-2]:
            self.matrices.append(output)
        return output

    def _attend(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        attn_mask: Tensor | None = None,
        dropout_p: float = 0.0,
        is_causal: bool = False,
        scale: float | None = None,
        enable_gqa: bool = False,
    ) -> Tensor:
        """Do what torch's reference says, without dropout: models are explained in eval mode."""
        if enable_gqa:
            key, value = (t.repeat_interleave(query.shape[-3] // t.shape[-3], dim=-3) for t in (key, value))
        logits = query @ key.mT * (1 / math.sqrt(query.shape[-1]) if scale is None else scale)
        if is_causal:
            seen = torch.ones(logits.shape[-2:], dtype=torch.bool, device=logits.device).tril()
            logits = logits.masked_fill(~seen, -torch.inf)
        if attn_mask is not None and attn_mask.dtype == torch.bool:
            logits = logits.masked_fill(~attn_mask, -torch.inf)
        elif attn_mask is not None:
            logits = logits + attn_mask
        matrix = torch.softmax(logits, dim=-1)
        if matrix.ndim == 4 and matrix.shape[-1] == matrix.shape[-2]:
            self.matrices.append(matrix)
        return matrix @ value
