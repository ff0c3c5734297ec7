"""The start of items of several parts: each part by itself is mapped to where the whole item would lie."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from xret.start import Affine
from xret.start._canonical import NOTHING, directions, ridge
from xret.start.cca import affine, share_of, standardised


def maps_of_parts(
    start: Any,  # noqa: ANN401 - `xret.start.cca.CCA`
    query: np.ndarray,
    parts: Mapping[str, np.ndarray],
    present: Mapping[str, np.ndarray],
    dim: int,
    weight: np.ndarray | None = None,
    plan: Any = None,  # noqa: ANN401 - an array or a sparse one
) -> tuple[Affine, dict[str, Affine]]:
    """Return the map of queries and one map per part, such that a part alone lands where its whole item would.

    The queries get the canonical directions b of `xret.start.cca.CCA` between them, y, and all parts side by side, with
    correlations r. A part x_m gets, from the items that have it, the ridge regression

        (Cmm + strength)^-1 Cmy b / sqrt(r)

    which for an item of one part is the map that CCA gives, a sqrt(r), as (Cxx + strength)^-1 Cxy b = r a.

    Args:
        start: whose ``strength`` is that of the ridge.
        query: (N, Dq) float32 features of the queries.
        parts: part -> (N, D) float32 features; row i of all belongs together.
        present: part -> (N,) bool; features of a missing part are not looked at.
        dim: K, size of the common space.
        weight: (N,) float, how much each pair counts; None: all the same.
        plan: (N, N) float, dense or sparse, how much query i belongs with item j; columns sum to one. None: i with i.

    Returns:
        The map of queries; and part -> its map.

    Raises:
        ValueError: K exceeds the width of the queries or that of all parts together, or no item has a part.
    """
    width = min(query.shape[1], sum(x.shape[1] for x in parts.values()))
    if not 1 <= dim <= width:
        raise ValueError(f"start=cca needs encoder.projection.dim of at most {width}, the narrower side, got {dim}")
    share = share_of(weight, len(query))
    y, y_mean, y_scale = standardised(query, share)
    levels: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]] = {}
    for part, x in parts.items():
        if not present[part].any():
            raise ValueError(f"start=cca needs items that have the part {part}, and no training pair has one")
        levels[part] = standardised(x[present[part]], None if share is None else share[present[part]])
    whole = [_spread(levels[part][0], present[part]) for part in parts]
    partner = None if plan is None else np.asarray(plan.T @ y)
    _, right, correlations = directions(np.concatenate(whole, axis=1), y, start.strength, dim, partner)
    roots = np.sqrt(correlations)
    towards = (y if partner is None else partner) @ np.where(
        correlations > NOTHING, right / np.maximum(roots, NOTHING), 0
    )  # (N, K)
    maps = {}
    for part, (level, mean, scale) in levels.items():
        found = ridge(torch.from_numpy(level), torch.from_numpy(towards[present[part]]), start.strength)
        maps[part] = affine(mean, scale, found.numpy().T)
    return affine(y_mean, y_scale, (right * roots).T), maps


def _spread(level: np.ndarray, present: np.ndarray) -> np.ndarray:
    """Return (N, D) with standardised features where there are some, and their mean, zero, where there are none."""
    spread = np.zeros((len(present), level.shape[1]))
    spread[present] = level
    return spread
