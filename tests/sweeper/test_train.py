"""A sweep over real trainings."""

import itertools
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from hydra_plugins.xret_sweeper._trials import standing

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "grey", "pink", "brown")
pytestmark = pytest.mark.slow


@pytest.fixture
def pairs(tmp_path):
    """A table of 40 plain pictures and what they are called."""
    lines = ["id,image,text"]
    for colour, width in itertools.product(COLOURS, (24, 32, 40, 48)):
        Image.new("RGB", (width, 48), colour).save(tmp_path / f"{colour}{width}.png")
        lines.append(f"{colour}{width},{colour}{width}.png,a {colour} sheet of width {width}")
    (tmp_path / "pairs.csv").write_text("\n".join(lines) + "\n")
    return tmp_path / "pairs.csv"


@pytest.fixture
def trained(pairs, tmp_path):
    """Sweep over trainings of two epochs on that table, with further overrides; returns what was printed."""
    fixed = "data=table encoder=scratch tracker=none batch.size=8 batch.workers=0 trainer.accelerator=cpu"
    sweep = "hydra/sweeper=optuna hydra.sweeper.study_name=s optimizer.lr=tag(log,interval(1e-4,1e-2))"

    def run(*arguments):
        done = subprocess.run(
            [
                sys.executable,
                "-m",
                "xret",
                "train",
                "-m",
                *sweep.split(),
                *fixed.split(),
                f"data.path={pairs}",
                *arguments,
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "XRET_CACHE": str(tmp_path / "cache")},
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def test_trials_never_see_the_test_split_and_the_winner_does(trained, study, tmp_path):
    trained("hydra.sweeper.n_trials=2", "trainer.max_epochs=1", "miner=inbatch,semihard")
    folders = tmp_path / "runs/sweep/s"
    tested = {f.name: any(k.startswith("test/") for k in metrics(f)) for f in folders.iterdir() if f.is_dir()}
    assert tested == {"0": False, "1": False, "winner": True}
    for trial in study("s").trials:
        assert trial.value == pytest.approx(metrics(folders / str(trial.number))["val/mrr"])


def metrics(folder: Path):
    return json.loads((folder / "metrics.json").read_text())


def test_a_pruned_training_ends_early_and_is_recorded_as_such(trained, study):
    pruner = "hydra.sweeper.pruner={name: successive_halving, min_resource: 1, reduction_factor: 4}"
    trained("hydra.sweeper.n_trials=4", "trainer.max_epochs=6", pruner, "hydra.sweeper.winner=false")
    trials = study("s").trials
    ended = Counter(map(standing, trials))
    assert ended["pruned"] >= 1
    assert ended["complete"] + ended["pruned"] == 4
    for trial in trials:
        assert (len(trial.intermediate_values) == 6) == (standing(trial) == "complete")
