"""A training that is a trial: reported, pruned, or left alone."""

import math
from pathlib import Path
from types import SimpleNamespace

import pytest
import pytorch_lightning as pl
import torch
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf
from optuna.trial import TrialState
from torch.utils.data import DataLoader

from hydra_plugins.xret_sweeper import OptunaConf, _job
from xret.run.trial import Pruning, pruning

pytestmark = pytest.mark.filterwarnings("ignore")
GOOD, BAD = [0.5, 0.6, 0.7, 0.8], [0.1, 0.2, 0.2, 0.2]


class Scripted(pl.LightningModule):
    """Its validation metric is given, one value per epoch."""

    def __init__(self, values):
        super().__init__()
        self.values, self.weight = values, torch.nn.Parameter(torch.zeros(1))

    def training_step(self, batch, index):
        """Return a loss."""
        return self.weight.sum()

    def validation_step(self, batch, index):
        """Log the value of this epoch."""
        self.log("val/mrr", self.values[self.current_epoch])

    def configure_optimizers(self):
        """Return an optimiser."""
        return torch.optim.SGD(self.parameters(), lr=0.1)


def train(callback, values, sanity=0):
    trainer = pl.Trainer(
        max_epochs=len(values),
        callbacks=[callback],
        logger=False,
        accelerator="cpu",
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=sanity,
    )
    data = DataLoader(torch.zeros(2, 1))
    trainer.fit(Scripted(values), data, data)
    return trainer.current_epoch


@pytest.fixture
def job(tmp_path, monkeypatch):
    """Pretend to be a job of a sweep with these keys."""

    def be(**keys):
        conf = {**OptunaConf().__dict__, "study_name": "s", **keys}
        cfg = OmegaConf.create({"sweeper": conf, "runtime": {"cwd": str(tmp_path)}})
        monkeypatch.setattr(HydraConfig, "initialized", staticmethod(lambda: True))
        monkeypatch.setattr(HydraConfig, "get", staticmethod(lambda: cfg))

    return be


@pytest.fixture(params=["sqlite:///here.db", "here.journal"])
def study(request, job, tmp_path):
    """A study whose pruner prunes from the second validation on, as soon as one trial is complete."""
    job(storage=request.param, pruner={"name": "median", "n_startup_trials": 1, "n_warmup_steps": 1})
    settings = _job.pruned_here()
    from hydra_plugins.xret_sweeper._study import open_study

    return open_study(settings)


def test_a_bad_trial_stops_early_and_a_good_one_does_not(study):
    ends = []
    for values in (GOOD, BAD, GOOD):
        trial = study.ask()
        callback = pruning(trial.number, "val/mrr")
        ends.append((train(callback, values), callback.pruned))
        study.tell(trial, None if callback.pruned else values[-1], TrialState.PRUNED if callback.pruned else None)
    assert ends == [(4, False), (2, True), (4, False)]
    assert study.trials[0].intermediate_values == pytest.approx(dict(enumerate(GOOD)))
    assert study.trials[1].intermediate_values == pytest.approx(dict(enumerate(BAD[:2])))


def test_a_run_of_several_trainings_counts_its_validations_through(study):
    trial = study.ask()
    for values in (GOOD[:2], GOOD[2:]):
        train(pruning(trial.number, "val/mrr"), values)
    assert study.trials[0].intermediate_values == pytest.approx(dict(enumerate(GOOD)))


def test_a_trial_that_was_given_up_stops(study):
    trial = study.ask()
    study.tell(trial.number, state=TrialState.FAIL)
    callback = pruning(trial.number, "val/mrr")
    assert train(callback, GOOD) == 1
    assert callback.pruned


def test_the_sanity_check_a_missing_metric_and_nan_are_not_reported():
    told = []
    train(Pruning("val/mrr", lambda: lambda value: bool(told.append(value))), [0.1, math.nan, 0.3], sanity=1)
    assert told == pytest.approx([0.1, 0.3])
    train(Pruning("val/other", lambda: pytest.fail), [0.1])


def test_only_the_first_process_reports_and_the_others_follow():
    trainer = SimpleNamespace(
        sanity_checking=False,
        is_global_zero=False,
        should_stop=False,
        callback_metrics={"val/mrr": 0.1},
        strategy=SimpleNamespace(broadcast=lambda value: True),
    )
    callback = Pruning("val/mrr", lambda: pytest.fail)
    callback.on_validation_end(trainer, None)
    assert callback.pruned
    assert trainer.should_stop


def test_nothing_is_pruned_outside_of_a_sweep_or_without_a_pruner(job):
    assert pruning(None, "val/mrr") is None
    assert pruning(0, "val/mrr") is None, "no Hydra"
    job()
    assert pruning(0, "val/mrr") is None, "no pruner"
    job(pruner="median", study_name=None)
    assert pruning(0, "val/mrr") is None, "no study"
    job(pruner="median", _target_="hydra._internal.core_plugins.basic_sweeper.BasicSweeper")
    assert pruning(0, "val/mrr") is None, "another sweeper"
    job(pruner="median")
    assert isinstance(pruning(0, "val/mrr"), Pruning)
    assert not Path("optuna.db").exists(), "the study is opened by the process that reports"
