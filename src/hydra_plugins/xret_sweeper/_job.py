"""What a training that is a trial knows of its study."""

import os
from pathlib import Path

import optuna
from hydra.core.hydra_config import HydraConfig

from hydra_plugins.xret_sweeper._settings import Settings, settings_of
from hydra_plugins.xret_sweeper._study import open_study


def pruned_here() -> Settings | None:
    """Return the settings of the sweep this job belongs to; None without one, or if it prunes nothing."""
    if not HydraConfig.initialized():
        return None
    sweeper = HydraConfig.get().sweeper
    if "OptunaSweeper" not in str(sweeper.get("_target_", "")) or sweeper.study_name is None:
        return None
    settings = settings_of(sweeper, Path(HydraConfig.get().runtime.cwd or os.getcwd()))
    return settings if settings.pruner is not None else None


class Reporter:
    """Hands the figures of one running trial to its study and asks whether to go on.

    Args:
        settings: of the sweep.
        number: of the trial.
    """

    def __init__(self, settings: Settings, number: int) -> None:
        self.study = open_study(settings, create=False)
        self._storage = self.study._storage
        self._id = self._storage.get_trial_id_from_study_id_trial_number(self.study._study_id, number)
        # a run of several trainings goes on counting where the last one stopped
        self._step = 1 + max(self._storage.get_trial(self._id).intermediate_values, default=-1)

    def report(self, value: float) -> bool:
        """Report a figure and return whether the trial is to be pruned; so is one that was given up meanwhile."""
        try:
            self._storage.set_trial_intermediate_value(self._id, self._step, value)
        except optuna.exceptions.UpdateFinishedTrialError:
            return True
        self._step += 1
        return self.study.pruner.prune(self.study, self._storage.get_trial(self._id))
