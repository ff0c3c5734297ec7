"""What a run costs: seconds, bytes, parameters. Measured, and so kept apart from the figures of quality."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from xret.model.dual_encoder import DualEncoder

_WARM_UP = 3


def parameters(model: nn.Module) -> dict[str, int]:
    """Return how many parameters there are, and how many are trained."""
    counts = [(p.numel(), p.requires_grad) for p in model.parameters()]
    return {"total": sum(n for n, _ in counts), "trained": sum(n for n, trains in counts if trains)}


@torch.inference_mode()
def query_latency_ms(
    model: DualEncoder,
    modality: str,
    raw: Callable[[np.ndarray], dict[str, Tensor]],
    usable: np.ndarray,
    gallery: np.ndarray,
    queries: int = 50,
) -> dict[str, float]:
    """Time single queries from raw input to the ten nearest targets, exact search.

    Args:
        model: in eval mode.
        modality: of the query.
        raw: positions (1,) -> tensors, reading and tokenising included.
        usable: (N,) positions that `raw` can give; they are taken in turn.
        gallery: (T, D) float32 unit vectors to search.
        queries: how many to time, after a few that warm up.

    Returns:
        p50, p95 and p99 in milliseconds, and the median share of encoding.
    """
    device = next(model.parameters()).device
    encode, whole = [], []
    for i in range(queries + _WARM_UP):
        begin = time.perf_counter()
        inputs = {name: tensor.to(device) for name, tensor in raw(usable[[i % len(usable)]]).items()}
        vector = model.encode(modality, inputs).vector[0].cpu().numpy()
        middle = time.perf_counter()
        scores = gallery @ vector
        best = np.argpartition(-scores, min(10, len(scores) - 1))[:10]
        best[np.argsort(-scores[best])]
        end = time.perf_counter()
        encode.append((middle - begin) * 1000)
        whole.append((end - begin) * 1000)
    p50, p95, p99 = np.percentile(whole[_WARM_UP:], [50, 95, 99])
    return {"p50": float(p50), "p95": float(p95), "p99": float(p99), "encode_p50": float(np.median(encode[_WARM_UP:]))}


@torch.inference_mode()
def encode_rate(
    model: DualEncoder,
    modality: str,
    raw: Callable[[np.ndarray], dict[str, Tensor]],
    usable: np.ndarray,
    batch: int = 32,
) -> float:
    """Return items encoded per second from raw input, in one batch after a small one that warms up."""
    device = next(model.parameters()).device
    for positions in (usable[:2], usable[:batch]):
        begin = time.perf_counter()
        inputs = {name: tensor.to(device) for name, tensor in raw(positions).items()}
        model.encode(modality, inputs).vector.cpu()
        seconds = time.perf_counter() - begin
    return len(positions) / seconds


def cost(
    model: DualEncoder,
    raw: Mapping[str, Callable[[np.ndarray], dict[str, Tensor]]],
    usable: Mapping[str, np.ndarray],
    galleries: Mapping[str, np.ndarray],
    train_s: float,
    timed: bool = True,
) -> dict[str, Any]:
    """Return everything that is measured in time and space.

    Args:
        model: trained.
        raw: modality -> positions -> tensors from raw input.
        usable: modality -> (N,) positions that `raw` can give; a file that is broken stands among the others.
        galleries: modality -> (N, D) vectors of the test items.
        train_s: seconds spent in training.
        timed: measure latency and encoding rate; otherwise these two are empty.
    """
    model.eval()
    width = next(iter(galleries.values())).shape[1]
    names = list(galleries) if timed else []
    return {
        "train_s": round(train_s, 3),
        "parameters": parameters(model),
        "vector_bytes": width * 4,
        "encode_per_s": {m: round(encode_rate(model, m, raw[m], usable[m]), 2) for m in names},
        "latency_ms": {
            f"{q}_to_{t}": query_latency_ms(model, q, raw[q], usable[q], galleries[t])
            for q in names
            for t in names
            if q != t
        },
    }
