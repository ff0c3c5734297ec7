"""GeM: the generalised mean, between the mean (p = 1) and the maximum (p -> infinity)."""

import torch
from torch import Tensor, nn

from xret.encoder.pooling.simple import Mean


class GeM(nn.Module):
    """Generalised mean with a learned exponent.

        v_c = (mean over the tokens of max(x_c, eps)^p)^(1/p)

    Made for features that are not negative, as behind a ReLU: what is below `eps` counts as `eps`.

    Source: Radenovic et al. 2018, Fine-tuning CNN Image Retrieval with No Human Annotation,
    https://arxiv.org/abs/1711.02512 (sec. 3.2, eq. 3); one p for all channels.

    Args:
        p: starting value of the exponent.
        eps: the least value a feature may have.

    Raises:
        ValueError: p or eps is not positive.
    """

    def __init__(self, p: float = 3.0, eps: float = 1e-6) -> None:
        super().__init__()
        if not (p > 0 and eps > 0):
            raise ValueError(f"p and eps must be positive, got {p} and {eps}")
        self.p = nn.Parameter(torch.tensor(p))
        self.eps = eps
        self.mean = Mean()

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the generalised mean over L of (B, L, C), as (B, C); zero where no token counts."""
        powers = tokens.clamp(min=self.eps) ** self.p
        mean: Tensor = self.mean(powers, mask) ** (1 / self.p)
        return mean if mask is None else mean.masked_fill(~mask.any(dim=1, keepdim=True), 0)
