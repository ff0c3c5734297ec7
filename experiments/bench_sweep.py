"""What a sweep adds to its trainings, and what pruning takes away from them.

Run as ``python experiments/bench_sweep.py`` (some ten minutes; needs the extras demo and sweep). Two questions:

- overhead: 40 trials of ``xret train`` whose training does nothing, in one process: seconds per trial, at most 0.3
- pruning: the same 40 random settings of the default data without and with a pruner, under the basic launcher and
  under joblib: at least 30 % less training time, and a best value lower by no more than 0.01 of MRR, a third of the
  standard error of that figure on 175 queries

Training time is what the training loops took, wherever they ran. Exits with 1 where a bar is missed.
"""

import itertools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

TRIALS = 40
SPACE = (
    "loss=choice(infonce,siglip,triplet,contrastive)",
    "miner=choice(inbatch,random,hard,semihard,distance_weighted)",
    "start=none",
    "optimizer.lr=tag(log,interval(1e-5,1e-1))",
    "encoder.projection.dropout=interval(0,0.9)",
    "encoder.projection.dim=choice(64,128,256,384)",
)
FIXED = ("encoder.image.stages=last", "tracker=none", "details=false", "trainer.enable_progress_bar=false")
NOTHING = """
import sys, time
import xret.commands.train
from xret.cli import main
begun = []
def run(cfg):
    begun.append(time.perf_counter())
    return cfg.encoder.projection.dropout
xret.commands.train.run = run
sys.argv = ["xret", "train", *sys.argv[1:]]
try:
    main()
finally:
    print("STARTS", *begun)
"""


def sweep(folder: Path, program: list[str], *arguments: str) -> str:
    """Run a sweep in a folder of its own and return what it printed."""
    folder.mkdir()
    asked = ["-m", "hydra/sweeper=optuna", f"hydra.sweeper.n_trials={TRIALS}", "hydra.sweeper.winner=false"]
    command = [sys.executable, *program, *asked, *FIXED, *SPACE, *arguments]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "OMP_NUM_THREADS": "1"}, capture_output=True, text=True
    )
    if done.returncode:
        sys.exit(done.stderr)
    return done.stdout


def overhead_s(folder: Path) -> float:
    """Return the median seconds between the starts of two trainings that do nothing."""
    out = sweep(folder, ["-c", NOTHING])
    starts = [float(word) for word in out.partition("STARTS")[2].split()]
    return statistics.median(later - earlier for earlier, later in itertools.pairwise(starts))


def trained(folder: Path) -> tuple[float, float, int]:
    """Return seconds in training loops, best validation MRR, and the number of pruned trials."""
    seconds, best, pruned = 0.0, 0.0, 0
    for run in folder.glob("runs/sweep/*/*"):
        if (run / "pruned.json").is_file():
            seconds += json.loads((run / "pruned.json").read_text())["seconds"]
            pruned += 1
        elif (run / "metrics.json").is_file():
            seconds += json.loads((run / "cost.json").read_text())["seconds"]["fit"]
            best = max(best, json.loads((run / "metrics.json").read_text())["val/mrr"])
    return seconds, best, pruned


def main() -> int:
    """Print the table; return 1 if a bar is missed."""
    met = []
    pruner = "hydra.sweeper.pruner={name: median, n_startup_trials: 5, n_warmup_steps: 2}"
    kinds = {
        "no pruning, basic": [],
        "median, basic": [pruner],
        "median, joblib, 2 at a time": [pruner, "hydra/launcher=joblib", "hydra.sweeper.n_jobs=2"],
    }
    with tempfile.TemporaryDirectory() as top:
        extra = overhead_s(Path(top, "nothing"))
        met.append(extra <= 0.3)
        print(f"overhead per trial: {extra:.2f} s (bar <= 0.3: {'met' if met[-1] else 'MISSED'})\n", flush=True)
        print("| 40 random settings | training, s | saved | pruned | best val/mrr | wall, s | bar >= 30 % |")
        print("|---|---:|---:|---:|---:|---:|---|")
        whole = reference = 0.0
        for name, arguments in kinds.items():
            begin = time.perf_counter()
            sweep(Path(top, name), ["-m", "xret", "train"], "hydra.sweeper.sampler=random", *arguments)
            wall = time.perf_counter() - begin
            seconds, best, pruned = trained(Path(top, name))
            whole, reference = whole or seconds, reference or best
            saved = 1 - seconds / whole
            if arguments:
                met.append(saved >= 0.3 and best >= reference - 0.01)
            verdict = ("met" if met[-1] else "MISSED") if arguments else ""
            row = f"{seconds:.0f} | {100 * saved:.0f} % | {pruned} | {best:.4f} | {wall:.0f} | {verdict}"
            print(f"| {name} | {row} |", flush=True)
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
