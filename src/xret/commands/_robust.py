"""Belief in the pairs: built for a data set, and used on a start in closed form before training."""

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared, build
from xret.model.belief import Belief, pair_losses
from xret.start.crossfit import held_out, scores_across

log = logging.getLogger(__name__)

_LEAST = 1e-5  # of a plan, whose rows sum to one at most: smaller entries are not stored


def believing(cfg: DictConfig, prepared: Prepared) -> Belief | None:
    """Return what weighs the pairs of each step as ``robust`` says; None where every pair is believed.

    Raises:
        UserError: several processes keep their pairs to themselves, and none would know all of them.
    """
    if "_target_" not in cfg.robust:
        return None
    if not cfg.gather and str(cfg.trainer.devices) != "1":
        raise UserError("robust needs gather=true on several devices: each must see the losses of all pairs")
    rows = len(prepared.manifest.rows)
    noisy = None
    if prepared.partner:
        noisy = torch.zeros(rows, dtype=torch.bool)
        noisy[list(prepared.partner)] = True
    return Belief(build(cfg.robust, "robust", rows=rows), noisy)


def judged(
    cfg: DictConfig,
    start: Any,  # noqa: ANN401 - a start as `xret.start` describes it
    belief: Belief | None,
    prepared: Prepared,
    pairs: Mapping[str, np.ndarray],
) -> dict[str, Any]:
    """Return what a start is to know of the training pairs: their weight, their plan, or nothing.

    Each round judges every pair by a start that was fitted on pairs of other groups, weighed as the last round found.

    Args:
        cfg: with ``seed`` and ``encoder.projection.dim``.
        start: see `xret.start`.
        belief: which keeps the verdicts for the training.
        prepared: the data.
        pairs: modality -> (N, D) float32 features of the training pairs.

    Returns:
        Arguments of a start: "weight", (N,) float, or "plan", a sparse (N, N).

    Raises:
        ValueError: there are too few groups.
    """
    if belief is None or not belief.robust.start_rounds:
        return {}
    row = torch.from_numpy(prepared.rows("train"))
    groups = prepared.manifest.group_ids()[row.numpy()]
    judge = _rematched if hasattr(belief.robust, "match") else _weighed
    known = judge(cfg, start, belief.robust, pairs, groups, row)
    found = {name: float(value) for name, value in belief.report().items()}
    log.info("start: pairs judged by others: %s", ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return known


def repeated(known: Mapping[str, Any], times: int) -> dict[str, Any]:
    """Return what `judged` found for the same pairs several times, one after the other."""
    found: dict[str, Any] = {}
    if "weight" in known:
        found["weight"] = np.tile(known["weight"], times)
    if "plan" in known:
        import scipy.sparse

        found["plan"] = scipy.sparse.block_diag([known["plan"]] * times, format="csr")
    return found


def _weighed(
    cfg: DictConfig,
    start: Any,  # noqa: ANN401
    robust: Any,  # noqa: ANN401 - a scheme of `xret.robust`
    pairs: Mapping[str, np.ndarray],
    groups: np.ndarray,
    row: torch.Tensor,
) -> dict[str, Any]:
    """Judge pairs by how each stands among others, and return their weight."""
    weight: np.ndarray = np.ones(len(row))
    for number in range(robust.start_rounds):
        loss = torch.zeros(len(row))
        rng = np.random.default_rng([cfg.seed, number])
        parts = held_out(start, pairs, cfg.encoder.projection.dim, groups, robust.start_folds, rng, weight)
        for places, vectors in parts:
            tensors = {m: torch.from_numpy(v) for m, v in vectors.items()}
            loss[torch.from_numpy(places)] = pair_losses(tensors, torch.from_numpy(groups[places]), robust.temperature)
        robust.judge(row, loss)
        weight = robust.weight()[row].numpy()
    return {"weight": weight}


def _rematched(
    cfg: DictConfig,
    start: Any,  # noqa: ANN401
    robust: Any,  # noqa: ANN401 - a scheme that matches
    pairs: Mapping[str, np.ndarray],
    groups: np.ndarray,
    row: torch.Tensor,
) -> dict[str, Any]:
    """Judge pairs and match the doubted ones anew, and return the plan."""
    import scipy.sparse

    judge = replace(start, strength=robust.start_strength)
    plan = scipy.sparse.eye_array(len(row), format="csr")
    for number in range(robust.start_rounds):
        rng = np.random.default_rng([cfg.seed, number])
        weight, matches = np.empty(len(row)), []
        dim, folds, repeats = cfg.encoder.projection.dim, robust.start_folds, robust.start_repeats
        for places, scores in scores_across(judge, pairs, dim, groups, folds, repeats, rng, plan):
            weight[places], match = robust.match(scores, groups[places], rng)
            left, right = np.nonzero(match > _LEAST)
            matches.append((match[left, right], places[left], places[right]))
        values, left, right = (np.concatenate(parts) for parts in zip(*matches, strict=True))
        plan = scipy.sparse.csr_array((values, (left, right)), shape=plan.shape) + scipy.sparse.diags_array(weight)
        robust.believe(row, torch.from_numpy(weight))
    return {"plan": plan}
