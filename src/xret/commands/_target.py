"""The target domain of an adaptation: where it comes from, what a batch gets of it, how it is measured."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from omegaconf import DictConfig

from xret._errors import UserError
from xret.adaptation.moments import matched
from xret.commands._assembly import Prepared, build, prepare
from xret.commands._measure import encode_split, measure, require
from xret.data.batch import Draw
from xret.data.providers import Inputs, Provider, Stored
from xret.data.split import first_groups
from xret.metric.evaluate import Evaluation, evaluate
from xret.model.dual_encoder import DualEncoder

log = logging.getLogger(__name__)

NAME = "target"  # of its figures, where those of the source have that of their split
_PLAIN = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr", "map", "ndcg_at_10", "median_rank")


def adapted(cfg: DictConfig) -> tuple[str, ...]:
    """Return the modalities of which the adaptation wants target items; none where it is off or wants none."""
    return tuple(cfg.adaptation.get("modalities", ()))


def target(cfg: DictConfig, model: DualEncoder) -> Prepared | None:
    """Return the target domain made ready for a model; None where no switch asks for one and ``data.target`` is null.

    Raises:
        UserError: an adaptation needs one and there is none, or it lacks a modality.
    """
    wanted = adapted(cfg)
    if cfg.data.get("target") is None and not wanted:
        return None
    source = build(cfg.data, "data")
    if not hasattr(source, "target_domain"):
        raise UserError(f"adaptation needs a target domain, and {cfg.data._target_} has none; take data=table")
    domain = source.target_domain()
    if domain is None:
        raise UserError("adaptation needs unlabelled items of a target domain: set data.target")
    if unknown := sorted(set(wanted) - set(model.encoders)):
        raise UserError(f"adaptation.modalities must be of {', '.join(model.encoders)}, got {unknown[0]}")
    manifest = domain.load()
    manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
    prepared = prepare(cfg, manifest, model)
    log.info("target domain: %s, %d pairs, those of train unlabelled", manifest.name, len(prepared.manifest.rows))
    return prepared


@dataclass(frozen=True)
class TargetItems:
    """Gives a batch as many target items as it has pairs, unlabelled and unpaired.

    Each modality is drawn for itself, without an item twice; a batch never gets more than there are.

    Attributes:
        providers: modality -> what gives tensors of items.
        places: modality -> (N,) the items to draw from.
    """

    providers: Mapping[str, Provider]
    places: Mapping[str, np.ndarray]

    @classmethod
    def of(cls, prepared: Prepared, modalities: tuple[str, ...]) -> "TargetItems":
        """Return what draws from the training split of a target domain."""
        _, places = prepared.split("train")
        return cls({m: prepared.training[m] for m in modalities}, {m: places[m] for m in modalities})

    def __call__(self, rows: np.ndarray, draw: Draw) -> dict[str, Inputs]:
        """Return modality -> inputs of M items for the batch of some rows."""
        return {
            m: provider(draw.rng.choice(self.places[m], min(len(rows), len(self.places[m])), replace=False))
            for m, provider in self.providers.items()
        }


def measure_target(
    model: DualEncoder,
    source: Prepared,
    prepared: Prepared,
    protocol: Any,  # noqa: ANN401 - what the config names
    seed: int,
) -> Evaluation:
    """Measure the target's test split with its own pairs; beside it what moment matching alone would give.

    Returns:
        Figures, "text_to_image/moment_recall_at_10" and so on among them, and what single queries achieved.
    """
    tasks = require(protocol, prepared.split("test")[0], "test")
    result = measure(tasks, encode_split(model, prepared, "test"), seed)
    values = dict(result.values)
    if moved := _matched(source, prepared):
        vectors = encode_split(model, moved, "test")
        for name, value in evaluate(tasks, vectors, resamples=0).values.items():
            direction, _, figure = name.rpartition("/")
            if figure in _PLAIN:
                values[f"{direction}/moment_{figure}"] = value
    return Evaluation(values, result.per_query)


def _matched(source: Prepared, prepared: Prepared) -> Prepared | None:
    """Return the target domain with features that have the source's moments; None where features are not stored."""
    if set(prepared.features) != set(prepared.given):
        return None
    given: dict[str, Any] = {}
    for modality, array in prepared.features.items():
        places = [p.split("train")[1][modality] for p in (source, prepared)]
        of_source, of_target = source.features[modality][places[0]], array[places[1]]
        given[modality] = Stored("vector", matched(array, of_source, of_target))
    return replace(prepared, given=given)
