"""Figures with the scores of hubs lowered, and those of plain scores beside them."""

import logging
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

import numpy as np
from omegaconf import DictConfig

from xret.commands._assembly import Prepared, build
from xret.commands._measure import beside, encode_split, measure
from xret.metric import TaskLike, Tasks
from xret.metric.evaluate import Evaluation, Vectors
from xret.metric.hubs import occurrences, skewness
from xret.model.dual_encoder import DualEncoder

log = logging.getLogger(__name__)

PLAIN = "plain_"  # before the names of figures without the correction


class Correction:
    """Lowers the scores of hubs by what it learns from the queries of the training split, and from nothing else.

    Args:
        method: as `xret.hubness` describes it.
        banks: modality -> (N, D) unit vectors of the training split's items.
    """

    def __init__(self, method: Any, banks: Mapping[str, np.ndarray]) -> None:  # noqa: ANN401
        self.method, self.banks = method, banks

    def of(self, vectors: Vectors) -> Callable[[TaskLike], dict[str, np.ndarray]]:
        """Return what gives a task its vectors (N, D + 1), whose products are the corrected scores.

        Args:
            vectors: modality -> (N, D) unit vectors of a split's items.
        """

        @cache
        def widened(query: str, target: str) -> dict[str, np.ndarray]:
            asked, ranked = self.method(self.banks[query], vectors[target]).widened(vectors[query], vectors[target])
            return {query: asked, target: ranked}

        return lambda task: widened(task.query, task.target)

    def beside(self, result: Evaluation, tasks: Tasks, vectors: Vectors, seed: int) -> Evaluation:
        """Return corrected figures with those of plain scores beside them, as "text_to_image/plain_mrr" and so on.

        "text_to_image/hub_skewness" is that of the first ten answers, see `xret.metric.hubs`.

        Args:
            result: the corrected figures.
            tasks: of a split.
            vectors: modality -> (N, D) unit vectors of its items.
            seed: of the bootstrap.
        """
        both = beside(result, measure(tasks, vectors, seed), PLAIN)
        skews: dict[str, list[float]] = {}
        for prefix, give in (("", self.of(vectors)), (PLAIN, lambda _: vectors)):
            for task in tasks:
                given = give(task)
                counts = occurrences(given[task.query][task.queries], given[task.target][task.targets])
                skews.setdefault(f"{task.name}/{prefix}hub_skewness", []).append(skewness(counts))
        means = {name: float(np.mean(found)) for name, found in skews.items()}
        return Evaluation({**both.values, **means}, both.per_query)


def plain(values: Mapping[str, float]) -> dict[str, float]:
    """Return figures by their names, those of plain scores where there are both.

    What has no correction of its own, a teacher for one, is compared with these.
    """
    found = dict(values)
    for name, value in values.items():
        direction, slash, figure = name.rpartition("/")
        if figure.startswith(PLAIN):
            found[f"{direction}{slash}{figure.removeprefix(PLAIN)}"] = value
    return found


def correction(cfg: DictConfig, model: DualEncoder, prepared: Prepared, needed: bool = True) -> Correction | None:
    """Return what ``cfg.hubness`` asks for, or None; runs of before there was any have no such key.

    Args:
        cfg: of a run.
        model: that encodes the bank.
        prepared: the data that the bank is taken from.
        needed: without a training split it is an error; False: then scores stay plain, and the log says so.

    Raises:
        UserError: there are no rows to learn from.
    """
    if "_target_" not in (cfg.get("hubness") or {}):
        return None
    if not needed and not len(prepared.rows("train")):
        log.info("hubness: %s has no training split to learn from; its scores stay plain", prepared.manifest.name)
        return None
    return Correction(build(cfg.hubness, "hubness"), encode_split(model, prepared, "train"))
