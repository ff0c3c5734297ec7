"""GPO: each channel's values are sorted, and a small network learns how much each rank counts."""

import math

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class GPO(nn.Module):
    """Generalised pooling operator of VSE-infinity.

    For n tokens, x_(k) the k-th largest value of a channel and w the weights of the ranks, which sum to 1:

        v = sum over k of w_k(n) x_(k),    w(n) = softmax(score(GRU(position_1, ..., position_n)) / temperature)

    Mean, maximum and k-max pooling are weights it can learn. They depend on n alone, so the recurrent network runs
    once per different length in a batch.

    Source: Chen et al. 2021, Learning the Best Pooling Strategy for Visual Semantic Embedding,
    https://arxiv.org/abs/2011.04305 (sec. 3.2); sizes and temperature as in the authors' code.

    Args:
        position_width: size of the sine and cosine encoding of a rank; even.
        hidden: units of the GRU in each direction.
        temperature: of the softmax over ranks.

    Raises:
        ValueError: a size is not positive, position_width is odd, or temperature is not positive.
    """

    def __init__(self, position_width: int = 32, hidden: int = 32, temperature: float = 0.1) -> None:
        super().__init__()
        if position_width < 2 or position_width % 2 or hidden < 1:
            raise ValueError(f"need an even position_width and hidden > 0, got {position_width} and {hidden}")
        if not temperature > 0:
            raise ValueError(f"temperature must be positive, got {temperature}")
        self.gru = nn.GRU(position_width, hidden, batch_first=True, bidirectional=True)
        self.score = nn.Linear(hidden, 1, bias=False)
        self.temperature = temperature

    def forward(self, tokens: Tensor, mask: Tensor | None = None) -> Tensor:
        """Return the weighted sum over the sorted L of (B, L, C), as (B, C); zero where no token counts."""
        length = tokens.shape[1]
        if mask is None:
            mask = tokens.new_ones(tokens.shape[:2], dtype=torch.bool)
        lengths = mask.sum(dim=1)  # (B,)
        ranked = tokens.masked_fill(~mask[..., None], -torch.inf).sort(dim=1, descending=True).values
        beyond = torch.arange(length, device=tokens.device) >= lengths[:, None]  # (B, L)
        different, which = torch.unique(lengths, return_inverse=True)
        weights = self.weights(different, length)[which].to(tokens.dtype)
        return torch.einsum("blc,bl->bc", ranked.masked_fill(beyond[..., None], 0), weights)

    def weights(self, lengths: Tensor, total: int) -> Tensor:
        """Return how much each rank counts in sequences of given lengths.

        Args:
            lengths: (N,) int64; 0 is treated as 1.
            total: L, at least the largest length.

        Returns:
            (N, L) float; each row sums to 1 and is zero beyond its length.
        """
        lengths = lengths.clamp(min=1)
        positions = _positions(total, self.gru.input_size).to(self.score.weight)
        packed = pack_padded_sequence(
            positions.expand(len(lengths), -1, -1), lengths.cpu(), batch_first=True, enforce_sorted=False
        )
        states, _ = pad_packed_sequence(self.gru(packed)[0], batch_first=True, total_length=total)
        forth, back = states.chunk(2, dim=-1)  # (N, L, hidden) each
        scores = self.score((forth + back) / 2).squeeze(-1) / self.temperature
        beyond = torch.arange(total, device=lengths.device) >= lengths[:, None]
        weights: Tensor = scores.masked_fill(beyond, -torch.inf).softmax(dim=1)
        return weights


def _positions(length: int, width: int) -> Tensor:
    """Return (length, width): sines at even, cosines at odd places, wavelengths from 2 pi to 10,000 times that."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))  # (width / 2,)
    angles = torch.arange(length)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
