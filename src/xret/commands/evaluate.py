"""``xret evaluate``: measure a trained run again, on any split, data set or protocol."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from xret.commands._trained import Trained
    from xret.metric.evaluate import Evaluation


def run(cfg: DictConfig) -> None:
    """Encode a split with the best weights of a run, measure, print the table and store the figures."""
    if cfg.split not in {"train", "val", "test", "target"}:
        raise UserError(f"split must be train, val, test or target, got {cfg.split}")
    from xret.run.folder import RunFolder

    RunFolder.open(Path(cfg.run))  # a mistake in its name is told before the seconds that torch takes
    from xret.commands._assembly import build
    from xret.commands._measure import of_split
    from xret.commands._needs import check_together, has_items
    from xret.commands._trained import open_run
    from xret.commands._wise import check
    from xret.run import report

    check(cfg.wise)
    if cfg.wise == "best":
        raise UserError("wise=best is chosen in training; give a number between 0 (the start) and 1 (what was trained)")
    trained = open_run(Path(cfg.run), cfg.trust, cfg.wise)
    stored = trained.cfg
    settings = OmegaConf.create({**stored, "batch": cfg.batch, "cache": cfg.cache, "limit": None})
    if cfg.get("data") is not None:
        settings.data, settings.dirt, settings.clean = cfg.data, None, None
    if has_items(stored) and "_target_" in cfg.attack:
        raise UserError(f"attack moves the inputs of one picture or text, and {cfg.run} has items; take attack=none")
    if cfg.get("hubness") is not None:
        settings.hubness = cfg.hubness
    check_together(settings)
    protocol = build(cfg.get("protocol") or stored.protocol, "protocol")
    if cfg.get("protocol") is None:
        protocol = of_split(protocol, "test" if cfg.split == "target" else cfg.split)
    found = (_target if cfg.split == "target" else _split)(cfg, settings, trained, protocol)
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    if found.costs:
        out.write_json("cost.json", found.costs)
    out.write_text("config.yaml", OmegaConf.to_yaml(OmegaConf.create({**cfg, "data": settings.data}), resolve=True))
    out.write_arrays("per_query.npz", found.queries)
    out.write_json("metrics.json", found.metrics)
    print(f"\n{report.table(found.metrics, cfg.split, found.beside)}\n\nevaluation: {out.path}")


@dataclass
class _Found:
    """What was measured.

    Attributes:
        metrics: flat, "test/text_to_image/recall_at_10" -> 0.59.
        queries: the same per query.
        beside: what stands before the names of further figures -> title of their line.
        costs: what is measured in seconds.
    """

    metrics: "dict[str, float]"
    queries: "dict[str, np.ndarray]"
    beside: dict[str, str] = field(default_factory=dict)
    costs: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, split: str, result: "Evaluation") -> "_Found":
        """Return the figures of a split."""
        from xret.commands._measure import arrays

        return cls({f"{split}/{name}": value for name, value in result.values.items()}, arrays(result, split))


def _split(cfg: DictConfig, settings: DictConfig, trained: "Trained", protocol: Any) -> _Found:  # noqa: ANN401
    """Measure a split; on the run's own data the ridge baseline stands beside it, and where asked for an attack."""
    from xret.commands._assembly import prepare
    from xret.commands._attacked import Robust
    from xret.commands._hubness import correction
    from xret.commands._made import load
    from xret.commands._measure import Ridge, encode_split, measure, of_split, require
    from xret.commands._needs import Needs, needs
    from xret.commands._noise import with_noise
    from xret.commands._parts import by_parts
    from xret.commands._rerank import Mix, SecondStage, latency_ms

    model = trained.model
    prepared = prepare(settings, load(settings), model, Needs(tokens=needs(settings).tokens))
    if cfg.get("data") is None:
        prepared = with_noise(settings, prepared)  # the baseline is fitted on what the run was trained on
    tasks = require(protocol, prepared.split(cfg.split)[0], cfg.split)
    vectors = encode_split(model, prepared, cfg.split)
    hubs = correction(settings, model, prepared, needed=cfg.get("data") is None or cfg.get("hubness") is not None)
    shown = vectors if hubs is None else hubs.of(vectors)
    second: SecondStage | None = None
    if model.matcher is not None:
        second = SecondStage(model, prepared, cfg.split, tasks, shown, settings.fusion.rerank_k)
        second.mix = Mix.load(trained.record)
    result = measure(tasks, shown, settings.seed, second, settings.fusion.report if second else "first")
    result = result if hubs is None else hubs.beside(result, tasks, vectors, settings.seed)
    found = _Found.of(cfg.split, result)
    found.metrics |= by_parts(model, prepared, cfg.split, tasks, vectors, result, hubs.of if hubs else None)
    if second is not None and second.mix is not None:
        found.metrics |= second.mix.figures()
        found.costs["rerank_latency_ms"] = latency_ms(model, second)
    if cfg.get("data") is None:
        chosen_by = require(of_split(protocol, "val"), prepared.split("val")[0], "val")
        ridge = Ridge(prepared, chosen_by).evaluate(tasks, cfg.split)
        found.metrics |= {f"{cfg.split}/{name}": value for name, value in ridge.items()}
    if "_target_" in cfg.attack:
        robust = Robust(cfg, model, prepared)
        attacked = measure(tasks, robust.vectors(vectors), settings.seed)
        found.metrics |= robust.figures(attacked)
        found.queries |= robust.arrays(attacked)
        found.beside["robust_"] = robust.title
    return found


def _target(cfg: DictConfig, settings: DictConfig, trained: "Trained", protocol: Any) -> _Found:  # noqa: ANN401
    """Measure the target domain; moment matching stands beside it."""
    from xret.commands._assembly import prepare
    from xret.commands._made import load
    from xret.commands._target import measure_target, target

    if "_target_" in cfg.attack:
        raise UserError("attack and split=target do not go together; evaluate data=... attack=... attacks other data")
    model = trained.model
    domain = target(settings, model)
    if domain is None:
        raise UserError(
            f"{cfg.run} was trained without a target domain; evaluate run=... data=... measures another one"
        )
    prepared = prepare(settings, load(settings), model)
    return _Found.of("target", measure_target(model, prepared, domain, protocol, settings.seed))
