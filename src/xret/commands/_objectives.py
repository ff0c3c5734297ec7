"""From the switches of a config to the objectives of a training."""

from collections.abc import Mapping
from typing import Any, cast

from omegaconf import DictConfig
from torch import nn

from xret.commands._assembly import Prepared, build
from xret.commands._target import TargetItems, adapted
from xret.data.batch import Extra
from xret.model.adaptation import Adaptation
from xret.model.dual_encoder import DualEncoder
from xret.model.retrieval import Retrieval


def objectives(cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> dict[str, nn.Module]:
    """Return name -> objective; retrieval is always the first.

    Args:
        cfg: of the run. A switch that is off is an empty node.
        model: encoders and projections, in their start.
        prepared: the data.
    """
    retrieval = Retrieval(build(cfg.loss, "loss"), build(cfg.miner, "miner"))
    chosen: dict[str, nn.Module] = {"retrieval": retrieval}
    if "_target_" in cfg.adaptation:
        chosen["adaptation"] = Adaptation(_adaptation(cfg, model))
    return chosen


def extras(cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> Mapping[str, Extra]:
    """Return what objectives want beside each batch: name -> (rows, draw) -> `Batch.extra` of that name."""
    given: dict[str, Extra] = {}
    if prepared.target is not None and adapted(cfg):
        given["target"] = TargetItems.of(prepared.target, adapted(cfg))
    return given


def _adaptation(cfg: DictConfig, model: DualEncoder) -> nn.Module:
    """Build the adaptation; one that trains a classifier is told the width of the model's vectors."""
    if "in_dim" not in cfg.adaptation or cfg.adaptation.in_dim is not None:
        return build(cfg.adaptation, "adaptation")  # type: ignore[no-any-return]
    (width,) = {int(cast(Any, projection).dim) for projection in model.projections.values()}
    return build(cfg.adaptation, "adaptation", in_dim=width)  # type: ignore[no-any-return]
