"""What each switch costs per training step, beside the same setting without it.

Run as ``python experiments/bench_switches.py [NAME ...]`` (some ten minutes; needs the extra demo). Each pair of
settings is trained by the command's own code, in turns, three times; a ratio is that of the median steps. Bars: at most
2.2 for a switch, 1 + 1.2 k for an attack of k steps. Exits with 1 where one is missed.
"""

import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import hydra
import pytorch_lightning as pl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from omegaconf import OmegaConf, open_dict, read_write

from xret.commands import _launch, train
from xret.commands._fit import Fit
from xret.run.folder import RunFolder

STEPS, SKIPPED, ROUNDS = 40, 8, 3
QUIET = ["tracker=none", "details=false", "test=false", "trainer.enable_progress_bar=false", "trainer.accelerator=cpu"]
PIXELS = ["encoder/image=scratch", "encoder.image.image_px=64", "start=none", "batch.size=64"]
K = 5
SWITCHES: dict[str, tuple[list[str], list[str], float]] = {
    "fusion=early": ([], ["fusion=early"], 2.2),
    "fusion=intermediate": ([], ["fusion=intermediate"], 2.2),
    "fusion=late": ([], ["fusion=late"], 2.2),
    "items=late": ([], ["items=late"], 2.2),
    "items=early": ([], ["items=early"], 2.2),
    "items=intermediate": ([], ["items=intermediate"], 2.2),
    "adversarial=fgsm, pixels": (PIXELS, ["adversarial=fgsm"], 2.2),
    "adversarial=fgsm, features": ([], ["adversarial=fgsm"], 2.2),
    f"adversarial=pgd, {K} steps, pixels": (PIXELS, ["adversarial=pgd", f"adversarial.attack.steps={K}"], 1 + 1.2 * K),
    "adaptation=mmd": ([], ["adaptation=mmd"], 2.2),
    "adaptation=dann": ([], ["adaptation=dann"], 2.2),
    "adaptation=coral": ([], ["adaptation=coral"], 2.2),
    "adaptation=modality_dann": ([], ["adaptation=modality_dann"], 2.2),
    "augmentation=light": ([], ["augmentation=light"], 2.2),
    "augmentation=strong": ([], ["augmentation=strong"], 2.2),
    "distillation=embedding": ([], ["distillation=embedding", "distillation.teacher=TEACHER"], 2.2),
    "distillation=relation": ([], ["distillation=relation", "distillation.teacher=TEACHER"], 2.2),
    "distillation=logits": ([], ["distillation=logits", "distillation.teacher=TEACHER"], 2.2),
    "bank.size=1024": ([], ["bank.size=1024"], 2.2),
    "chunk=8": (PIXELS, ["chunk=8"], 2.2),
    "robust=soft": ([], ["robust=soft"], 2.2),
    "robust=split": ([], ["robust=split"], 2.2),
}


class Clock(pl.Callback):
    """Collects the seconds between the ends of two steps."""

    def __init__(self) -> None:
        self.ends: list[float] = []

    def on_train_batch_end(self, *_: Any) -> None:  # noqa: ANN401 - whatever Lightning hands over
        """Take the time."""
        self.ends.append(time.perf_counter())


class Timed(Exception):  # noqa: N818 - no error: the training loop is all that is wanted
    """The loop has ended."""


def median_step_ms(overrides: list[str], folder: Path) -> float:
    """Train some steps with the settings of the command line and return the median in milliseconds."""
    clock, whole = Clock(), Fit.run

    def run(self: Fit) -> None:
        self.trainer.callbacks.append(clock)
        whole(self)
        raise Timed

    Fit.run = run  # type: ignore[method-assign]
    try:
        train._train(composed([*overrides, f"trainer.max_steps={STEPS}", "trainer.max_epochs=20"]), RunFolder(folder))
    except Timed:
        pass
    finally:
        Fit.run = whole  # type: ignore[method-assign]
    steps = [1000 * (b - a) for a, b in zip(clock.ends[:-1], clock.ends[1:], strict=True)]
    return statistics.median(steps[SKIPPED:])


def composed(overrides: list[str]) -> Any:  # noqa: ANN401 - a config
    """Return the config of ``xret train`` with some overrides."""
    GlobalHydra.instance().clear()
    with hydra.initialize_config_dir(str(_launch.shipped("conf")), version_base="1.3"):
        cfg = hydra.compose("train", [*QUIET, *overrides], return_hydra_config=True)
    with read_write(cfg.hydra.runtime), open_dict(cfg.hydra.runtime):
        cfg.hydra.runtime.output_dir = str(Path.cwd())
    HydraConfig.instance().set_config(cfg)
    with open_dict(cfg):
        del cfg["hydra"]
    return cfg


def main(names: list[str]) -> int:
    """Print the table; return 1 if a bar is missed."""
    for plugin in (_launch.ExperimentSource, _launch.UserFolders):
        Plugins.instance().register(plugin)
    missed = 0
    with tempfile.TemporaryDirectory() as top:
        chosen = {n: s for n, s in SWITCHES.items() if not names or any(n.startswith(given) for given in names)}
        teacher = str(Path(top, "teacher"))
        if any("TEACHER" in " ".join(on) for _, on, _ in chosen.values()):
            record = RunFolder.claim(Path(teacher))
            cfg = composed(["trainer.max_epochs=1"])
            record.write_text("config.yaml", OmegaConf.to_yaml(cfg, resolve=True))
            train._train(cfg, record)
        print("| switch | step without, ms | with, ms | ratio | bar |\n|---|---:|---:|---:|---|", flush=True)
        for name, (base, on, bar) in chosen.items():
            with_it = [o.replace("TEACHER", teacher) for o in on]
            rounds = []
            for turn in range(ROUNDS):
                plain = median_step_ms(base, Path(top, f"{name}-{turn}-plain"))
                rounds.append((plain, median_step_ms([*base, *with_it], Path(top, f"{name}-{turn}"))))
            ratio = statistics.median(b / a for a, b in rounds)
            a, b = (statistics.median(column) for column in zip(*rounds, strict=True))
            missed += ratio > bar
            verdict = "met" if ratio <= bar else "MISSED"
            print(f"| `{name}` | {a:.1f} | {b:.1f} | {ratio:.2f} | <= {bar:.1f} {verdict} |", flush=True)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
