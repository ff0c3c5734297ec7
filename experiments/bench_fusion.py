"""Seconds of CPU that a training step takes with each fusion: on stored features, and with encoders that train.

python experiments/bench_fusion.py [data=tuxpaint]
"""

import statistics
import sys
import time

import torch
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig

from xret.commands._assembly import build, build_model, prepare
from xret.commands._begin import begin
from xret.commands._launch import shipped
from xret.commands._needs import needs
from xret.commands._objectives import objectives
from xret.data.split import first_groups
from xret.model.step import Step

STEPS = 8
SETTINGS = {
    "stored features": ["data=tuxpaint"],
    "encoders that train": [
        "data=tuxpaint",
        "encoder=scratch",
        "encoder.image.image_px=128",
        "batch.size=64",
        "limit=100",
    ],
}


def step_cpu_s(cfg: DictConfig) -> float:
    """Return the median CPU time of a step: batch, encoders, objectives, backward pass, optimizer.

    Files are read before: in a training, other processes do that.
    """
    torch.manual_seed(0)
    model = build_model(cfg)
    manifest = build(cfg.data, "data").load()
    if cfg.limit is not None:
        manifest = first_groups(manifest, cfg.limit)
    prepared = prepare(cfg, manifest, model, needs(cfg))
    rate = begin(cfg, model, prepared)
    found = objectives(cfg, model, prepared)
    model.train()
    groups = model.parameter_groups(found.values(), rate, cfg.optimizer.lr, cfg.optimizer.weight_decay)
    optimizer = build(cfg.optimizer, "optimizer")(groups)
    dataset, rows = prepared.dataset(), prepared.rows("train")
    spent = []
    batch = dataset.batch(rows[: cfg.batch.size], 0)
    for number in range(STEPS):
        begun = time.process_time()
        if prepared.features:
            batch = dataset.batch(rows[: cfg.batch.size], number)
        step = Step(model, batch, {m: model.encode(m, x) for m, x in batch.inputs.items()})
        parts = [value for objective in found.values() for value in objective(step).values()]
        optimizer.zero_grad()
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        spent.append(time.process_time() - begun)
    return statistics.median(spent[2:])


def main() -> None:
    """Print a table."""
    torch.set_num_threads(1)
    print("| | fusion | CPU ms per step | times |\n|---|---|---:|---:|")
    for name, overrides in SETTINGS.items():
        first = 0.0
        for fusion in ("none", "late", "intermediate", "early"):
            with initialize_config_dir(str(shipped("conf")), version_base=None):
                cfg = compose("train", [*overrides, f"fusion={fusion}", *sys.argv[1:]])
            spent = step_cpu_s(cfg)
            first = first or spent
            print(f"| {name} | {fusion} | {1000 * spent:.1f} | {spent / first:.2f} |", flush=True)


if __name__ == "__main__":
    main()
