"""From the switches of a config to the objectives of a training."""

from collections.abc import Mapping

from omegaconf import DictConfig
from torch import nn

from xret.commands._assembly import Prepared, build
from xret.data.batch import Extra
from xret.model.dual_encoder import DualEncoder
from xret.model.matching import Matching
from xret.model.retrieval import Retrieval


def objectives(cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> dict[str, nn.Module]:
    """Return name -> objective; retrieval is always the first.

    Args:
        cfg: of the run. A switch that is off is an empty node.
        model: encoders and projections, in their start.
        prepared: the data.
    """
    retrieval = Retrieval(build(cfg.loss, "loss"), build(cfg.miner, "miner"))
    found: dict[str, nn.Module] = {"retrieval": retrieval}
    if "_target_" in cfg.fusion:
        found["matching"] = Matching(cfg.fusion.weight, cfg.fusion.negatives, cfg.fusion.temperature)
    return found


def extras(cfg: DictConfig, model: DualEncoder, prepared: Prepared) -> Mapping[str, Extra]:
    """Return what objectives want beside each batch: name -> (rows, draw) -> `Batch.extra` of that name."""
    return {}
