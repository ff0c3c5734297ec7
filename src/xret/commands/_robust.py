"""Belief in the pairs: built for a data set, and used on a start in closed form before training."""

import logging
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared, build
from xret.model.belief import Belief, pair_losses
from xret.start.crossfit import held_out

log = logging.getLogger(__name__)


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
) -> np.ndarray | None:
    """Return (N,) float, how much each training pair is to count in a start; None for all the same.

    Each round judges every pair by a start that was fitted on pairs of other groups, weighed as the last round found.

    Args:
        cfg: with ``seed`` and ``encoder.projection.dim``.
        start: see `xret.start`.
        belief: which keeps the verdicts for the training.
        prepared: the data.
        pairs: modality -> (N, D) float32 features of the training pairs.

    Raises:
        ValueError: there are too few groups.
    """
    if belief is None or not belief.robust.start_rounds:
        return None
    robust = belief.robust
    row = torch.from_numpy(prepared.rows("train"))
    groups = prepared.manifest.group_ids()[row.numpy()]
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
    found = {name: float(value) for name, value in belief.report().items()}
    log.info("start: pairs judged by others: %s", ", ".join(f"{name} {value:.3f}" for name, value in found.items()))
    return weight
