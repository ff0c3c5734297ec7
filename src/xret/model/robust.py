"""Vectors of items that an attack moved away from their right answers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from xret.model.dual_encoder import DualEncoder
from xret.model.movable import movable, still

Attack = Callable[..., dict[str, Tensor]]


def misranking(scores: Tensor, positives: Tensor, temperature: float = 0.07) -> Tensor:
    """Return how badly queries rank their right answers, summed over the queries, in nats.

    Of a query with right answers P it is the mean over i in P of log(1 + sum over k not in P of exp((s_k - s_i) / t)):
    InfoNCE against all there is. What one query adds depends on no other. The temperature is not the model's own, so
    that models with different losses meet the same attack, and far from 0, so that no gradient vanishes.

    Args:
        scores: (Q, T) float, cosine similarity.
        positives: (Q, T) bool. A query without one adds zero.
        temperature: t.
    """
    logits = scores / temperature
    rivals = logits.masked_fill(positives, -torch.inf).logsumexp(dim=1, keepdim=True)
    losses = F.softplus(rivals - logits).masked_fill(~positives, 0)
    return (losses.sum(dim=1) / positives.sum(dim=1).clamp(min=1)).sum()


def attacked_vectors(
    model: DualEncoder,
    modality: str,
    batches: Sequence[tuple[np.ndarray, Callable[[], Mapping[str, Tensor]]]],
    groups: np.ndarray,
    gallery: Mapping[str, tuple[np.ndarray, np.ndarray]],
    attack: Attack,
    seed: int,
) -> np.ndarray:
    """Return the vectors of items, each moved by itself to rank its right answers low among a fixed gallery.

    The model is in eval mode, in float32, and items of one group are right answers to each other. Neither gallery nor
    random starts depend on which items share a batch.

    Args:
        model: encoders and projections; left in the mode it came in.
        modality: of the N items.
        batches: positions (B,) among the items, and what gives their inputs.
        groups: (N,) int64.
        gallery: other modality -> unit vectors (M, D) float32 and groups (M,) int64, of all its items.
        attack: see `xret.attack`.
        seed: of random starts.

    Returns:
        (N, D) float32 unit vectors.
    """
    device = next(model.parameters()).device
    targets = {m: (torch.from_numpy(v).to(device), torch.from_numpy(g).to(device)) for m, (v, g) in gallery.items()}
    encoder: Any = model.encoders[modality]
    parts: list[tuple[np.ndarray, np.ndarray]] = []
    with still(model), torch.autocast(device.type, enabled=False):
        for positions, read in batches:
            inputs = {name: tensor.to(device) for name, tensor in read().items()}
            what = movable(encoder, inputs)
            own = torch.from_numpy(groups[positions]).to(device)[:, None]

            def loss(
                points: dict[str, Tensor], inputs: dict[str, Tensor] = inputs, key: str = what.key, own: Tensor = own
            ) -> Tensor:
                vectors = model.encode(modality, {**inputs, key: points[modality]}).vector
                parts = [misranking(vectors @ v.T, own == g[None]) for v, g in targets.values()]
                return torch.stack(parts).sum()

            rows = {} if what.rows is None else {modality: what.rows}
            point = attack(loss, {modality: what.point}, rows, _rand(seed, positions))[modality]
            with torch.no_grad():
                vectors = model.encode(modality, {**inputs, what.key: point}).vector
            parts.append((positions, vectors.cpu().numpy()))
    order = np.concatenate([positions for positions, _ in parts])
    found = np.concatenate([vectors for _, vectors in parts])
    return found[np.argsort(order)]


def _rand(seed: int, positions: np.ndarray) -> Callable[[Sequence[int]], Tensor]:
    """Return uniform numbers by item: what one gets depends on its position alone, not on its batch."""
    generators = []
    for position in positions.tolist():
        drawn = np.random.SeedSequence([seed, position]).generate_state(1, np.uint64)[0]
        generators.append(torch.Generator().manual_seed(int(drawn) >> 1))

    def rand(shape: Sequence[int]) -> Tensor:
        return torch.stack([torch.rand(tuple(shape[1:]), generator=generator) for generator in generators])

    return rand
