"""The choice that several miners share: the best few of a row."""

import torch
from torch import Tensor


def candidates(positives: Tensor) -> Tensor:
    """Return (Q, T) bool: what is no positive, in the rows that have one."""
    some = positives.view(torch.uint8).amax(dim=1, keepdim=True).bool()  # on a CPU, five times faster than `any`
    return ~positives & some


def best(keys: Tensor, allowed: Tensor, k: int) -> Tensor:
    """Return the mask of the k allowed targets of each row with the largest keys, of all where fewer are allowed.

    Args:
        keys: (Q, T) float. Between equal keys the choice is arbitrary, but never more than k are kept.
        allowed: (Q, T) bool.
        k: how many per row.

    Returns:
        (Q, T) bool, within ``allowed``.
    """
    keys = torch.where(allowed, keys, -torch.inf)
    k = min(k, keys.shape[1])
    columns = keys.max(dim=1, keepdim=True).indices if k == 1 else keys.topk(k, dim=1).indices
    return torch.zeros_like(allowed).scatter_(1, columns, True) & allowed
