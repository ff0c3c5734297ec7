"""Which mixture of a run's start and its end is measured: see `xret.model.wise`."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig

from xret._errors import UserError
from xret.commands._assembly import Prepared
from xret.commands._measure import encode_split
from xret.model.dual_encoder import DualEncoder
from xret.model.wise import interpolate, trained_weights
from xret.run.checkpoint import load
from xret.run.folder import RunFolder, write_whole

log = logging.getLogger(__name__)

Validate = Callable[[dict[str, np.ndarray]], dict[str, float]]
ALPHA = "wise_alpha"
_TRIED = np.linspace(0, 1, 11)


def check(value: object) -> None:
    """Raise UserError unless a value of ``wise`` is null, "best" or in [0, 1]."""
    if value is None or value == "best" or (isinstance(value, int | float) and 0 <= value <= 1):
        return
    raise UserError(f"wise must be null, best, or between 0 (the start) and 1 (what was trained), got {value}")


def save_start(record: RunFolder, model: DualEncoder) -> None:
    """Write the weights that will train, as they are before training."""
    state = {"state_dict": trained_weights(model)}
    write_whole(record.start, lambda file: torch.save(state, file))


def mix(record: RunFolder, model: DualEncoder, alpha: float) -> None:
    """Mix the best weights of a run, which the model holds, with those it started from.

    Raises:
        UserError: the run has kept no start.
    """
    if alpha != 1:
        interpolate(model, start(record.path), trained_weights(model), alpha)


def start(folder: Path) -> dict[str, torch.Tensor]:
    """Return the weights a run started from.

    Raises:
        UserError: it has kept none.
    """
    path = RunFolder(folder).start
    if not path.is_file():
        raise UserError(f"wise needs the weights {folder} started from, and there is no {path}: trials keep none")
    weights: dict[str, torch.Tensor] = load(path)["state_dict"]
    return weights


def settle(
    cfg: DictConfig, record: RunFolder, model: DualEncoder, prepared: Prepared, validate: Validate
) -> dict[str, float]:
    """Mix the weights of a finished training as ``wise`` says; return the share of what was trained, where it says so.

    ``best`` takes the share that ``monitor`` likes best on the validation split, the larger of equal ones; what each
    came to is written to wise.json.
    """
    asked = cfg.get("wise")
    if asked is None:
        return {}
    if asked != "best":
        mix(record, model, float(asked))
        return {ALPHA: float(asked)}
    begin, end = start(record.path), trained_weights(model)
    came_to: dict[float, float] = {}
    for alpha in _TRIED.round(2).tolist():
        interpolate(model, begin, end, alpha)
        figures = validate(encode_split(model, prepared, "val"))
        came_to[alpha] = figures[cfg.monitor.removeprefix("val/")]
    chosen = max(came_to, key=lambda alpha: (came_to[alpha], alpha))
    interpolate(model, begin, end, chosen)
    record.write_json("wise.json", {"monitor": cfg.monitor, "alpha": chosen, "tried": came_to})
    log.info("wise: %g of what was trained is best on val", chosen)
    return {ALPHA: chosen}
