"""Attention relevance: attention times its gradient, followed through all layers of a ViT."""

import math

import torch
from torch import Tensor, nn

from xret.explain import Score
from xret.explain._attention import Attentions
from xret.explain._maps import enlarged


class Relevance:
    """How much of each patch reaches the vector, by way of the attention that the score asks for.

    A layer mixes tokens by the mean over heads of (gradient x attention), cut off below zero, added to the identity;
    the product over layers, at the tokens that are pooled, is the map. Source: Chefer et al. 2021,
    https://arxiv.org/abs/2103.15679 (sec. 3.1, eq. 5 and 6, self-attention). There the class token is read; here every
    token is, weighted by how much the score moves with what it attends to in the last layer, so that mean pooling is
    explained as well.
    """

    def __call__(self, score: Score, encoder: nn.Module, pixels: Tensor) -> Tensor:
        """Return the heat (H, W); see `xret.explain`.

        Raises:
            ValueError: the encoder does not attend over all patches.
        """
        with torch.enable_grad(), Attentions() as seen:
            value = score(pixels[None].detach().requires_grad_())
        size = seen.matrices[-1].shape[-1] if seen.matrices else 0
        if size < 4 or any(m.shape[0] != 1 or m.shape[-1] != size for m in seen.matrices):
            raise ValueError(f"{type(encoder).__name__} has no attention over all patches; take another method")
        gradients = torch.autograd.grad(value.sum(), seen.matrices)
        relevance = torch.eye(size, device=pixels.device)
        for matrix, gradient in zip(seen.matrices, gradients, strict=True):
            relevance = relevance + (matrix.detach() * gradient)[0].clamp(min=0).mean(dim=0) @ relevance
        read = gradients[-1][0].abs().sum(dim=(0, 2))  # (L,)
        heat = (read / read.sum().clamp(min=1e-30)) @ (relevance - torch.eye(size, device=pixels.device))
        side = math.isqrt(size)  # in front of side^2 patches stand class and register tokens
        return enlarged(heat[size - side * side :].reshape(side, side), pixels.shape[-1])


def attends(score: Score, pixels: Tensor) -> bool:
    """Tell whether a score goes through attention over all patches.

    Args:
        score: see `xret.explain`.
        pixels: (3, H, W) float in [0, 1].
    """
    with torch.no_grad(), Attentions() as seen:
        score(pixels[None])
    sizes = {(m.shape[0], m.shape[-1]) for m in seen.matrices}
    return len(sizes) == 1 and sizes.pop()[0] == 1 and seen.matrices[-1].shape[-1] >= 4
