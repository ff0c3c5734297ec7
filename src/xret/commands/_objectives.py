"""From the switches of a config to the objectives of a training."""

from collections.abc import Mapping
from typing import Any, cast

from omegaconf import DictConfig
from torch import nn

from xret._errors import UserError
from xret.commands._adversarial import adversarial
from xret.commands._assembly import Prepared, build
from xret.commands._distillation import distilling, distils, rows
from xret.commands._target import TargetItems, adapted
from xret.data.batch import Extra
from xret.model.adaptation import Adaptation
from xret.model.bank import Bank
from xret.model.distilling import NAME as TEACHER
from xret.model.dual_encoder import DualEncoder
from xret.model.matching import Matching
from xret.model.retrieval import Retrieval
from xret.model.sparing import Sparing


def objectives(cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> dict[str, nn.Module]:
    """Return name -> objective; retrieval is always the first.

    Args:
        cfg: of the run. A switch that is off is an empty node.
        model: encoders and projections, in their start.
        prepared: the data.
    """
    miner = build(cfg.miner, "miner")
    if "_target_" in cfg.false_negatives:
        miner = Sparing(miner, build(cfg.false_negatives, "false_negatives"))
    attacked = "attack" in cfg.adversarial
    weight = cfg.adversarial.clean_weight if attacked else 1.0
    retrieval = Retrieval(build(cfg.loss, "loss"), miner, _bank(cfg, model), weight)
    found: dict[str, nn.Module] = {"retrieval": retrieval}
    if "_target_" in cfg.fusion:
        found["matching"] = Matching(cfg.fusion.weight, cfg.fusion.negatives, cfg.fusion.temperature)
    if attacked:
        found["adversarial"] = adversarial(cfg, model, prepared, retrieval)
    if "_target_" in cfg.adaptation:
        found["adaptation"] = Adaptation(_adaptation(cfg, model))
    if distils(cfg):
        found["distillation"] = distilling(cfg, model, prepared)
    return found


def _bank(cfg: DictConfig, model: DualEncoder) -> Bank | None:
    """Return the memory of past vectors; None where it is off.

    Raises:
        UserError: a setting is out of range.
    """
    if not cfg.bank.size:
        return None
    dims = {m: int(cast(Any, p).dim) for m, p in model.projections.items()}
    try:
        return Bank(cfg.bank.size, next(iter(dims.values())), list(dims), cfg.bank.warmup_steps)
    except ValueError as error:
        raise UserError(f"bank: {error}") from error


def _adaptation(cfg: DictConfig, model: DualEncoder) -> nn.Module:
    """Build the adaptation; one that trains a classifier is told the width of the model's vectors."""
    if "in_dim" not in cfg.adaptation or cfg.adaptation.in_dim is not None:
        return build(cfg.adaptation, "adaptation")  # type: ignore[no-any-return]
    (width,) = {int(cast(Any, projection).dim) for projection in model.projections.values()}
    return build(cfg.adaptation, "adaptation", in_dim=width)  # type: ignore[no-any-return]


def extras(cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> Mapping[str, Extra]:
    """Return what objectives want beside each batch: name -> (rows, draw) -> `Batch.extra` of that name."""
    found: dict[str, Extra] = {}
    if prepared.target is not None and adapted(cfg):
        found["target"] = TargetItems.of(prepared.target, adapted(cfg))
    if distils(cfg):
        found[TEACHER] = rows(cfg, prepared)
    return found
