"""``xret evaluate``: measure a trained run again, on any split, data set or protocol."""

from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

from xret._errors import UserError


def run(cfg: DictConfig) -> None:
    """Encode a split with the best weights of a run, measure, print the table and store the figures."""
    if cfg.split not in {"train", "val", "test"}:
        raise UserError(f"split must be train, val or test, got {cfg.split}")
    from xret.commands._assembly import build, prepare
    from xret.commands._measure import Ridge, arrays, encode_split, measure, of_split, require
    from xret.commands._noise import with_noise
    from xret.commands._trained import open_run
    from xret.commands._wise import check
    from xret.run import report
    from xret.run.folder import RunFolder

    check(cfg.wise)
    if cfg.wise == "best":
        raise UserError("wise=best is chosen in training; give a number between 0 (the start) and 1 (what was trained)")
    trained = open_run(Path(cfg.run), cfg.trust, cfg.wise)
    stored, model = trained.cfg, trained.model
    settings = OmegaConf.create(
        {**stored, "batch": cfg.batch, "cache": cfg.cache, "data": cfg.get("data") or stored.data}
    )
    protocol = build(cfg.get("protocol") or stored.protocol, "protocol")
    if cfg.get("protocol") is None:
        protocol = of_split(protocol, cfg.split)
    prepared = prepare(settings, build(settings.data, "data").load(), model)
    if cfg.get("data") is None and "noise" in stored:
        prepared = with_noise(settings, prepared)  # the baseline is fitted on what the run was trained on
    vectors = encode_split(model, prepared, cfg.split)
    tasks = require(protocol, prepared.split(cfg.split)[0], cfg.split)
    result = measure(tasks, vectors, stored.seed)
    baseline = {}
    if cfg.get("data") is None:
        chosen_by = require(of_split(protocol, "val"), prepared.split("val")[0], "val")
        baseline = Ridge(prepared, chosen_by).evaluate(tasks, cfg.split)
    metrics = {f"{cfg.split}/{name}": value for name, value in {**result.values, **baseline}.items()}
    out = RunFolder(Path(HydraConfig.get().runtime.output_dir))
    out.write_text("config.yaml", OmegaConf.to_yaml(OmegaConf.create({**cfg, "data": settings.data}), resolve=True))
    out.write_arrays("per_query.npz", arrays(result, cfg.split))
    out.write_json("metrics.json", metrics)
    print(f"\n{report.table(metrics, cfg.split)}\n\nevaluation: {out.path}")
