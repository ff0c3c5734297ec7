"""What a training forgets: another data set, measured before and after."""

from typing import Any

from omegaconf import DictConfig, OmegaConf

from xret.commands._assembly import build, prepare
from xret.commands._measure import encode_split, require
from xret.data.split import first_groups
from xret.metric.evaluate import evaluate
from xret.model.dual_encoder import DualEncoder

_SHOWN = ("recall_at_1", "recall_at_5", "recall_at_10", "mrr")


class Retention:
    """The test split of a second data set, measured once at the start and once in the end.

    Args:
        cfg: of the run; ``retention`` is a data set.
        model: in its start.
        protocol: of the run.

    Raises:
        UserError: the data set lacks a modality, or has nothing to ask.
    """

    def __init__(self, cfg: DictConfig, model: DualEncoder, protocol: Any) -> None:  # noqa: ANN401 - what the config names
        manifest = build(cfg.retention, "retention").load()
        manifest = manifest if cfg.limit is None else first_groups(manifest, cfg.limit)
        settings = OmegaConf.create({"cache": cfg.cache, "batch": cfg.batch, "data": cfg.retention})
        self.prepared = prepare(settings, manifest, model)
        self.tasks = require(protocol, self.prepared.split("test")[0], "test")
        training = model.training
        self.before = self._measure(model)
        model.train(training)

    def _measure(self, model: DualEncoder) -> dict[str, float]:
        values = evaluate(self.tasks, encode_split(model, self.prepared, "test"), resamples=0).values
        return {n: v for n, v in values.items() if n.rpartition("/")[2] in _SHOWN and n.count("/") == 1}

    def figures(self, model: DualEncoder) -> dict[str, float]:
        """Return "retention/text_to_image/recall_at_10" after training, and "…/before_recall_at_10"."""
        found = {}
        for name, value in self._measure(model).items():
            direction, _, figure = name.rpartition("/")
            found[f"retention/{name}"] = value
            found[f"retention/{direction}/before_{figure}"] = self.before[name]
        return found


def retention(cfg: DictConfig, model: DualEncoder, protocol: Any) -> Retention | None:  # noqa: ANN401 - what the config names
    """Return what measures forgetting, or None where ``retention`` names no data set."""
    return Retention(cfg, model, protocol) if cfg.get("retention") else None
