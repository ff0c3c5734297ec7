"""``hydra/sweeper=optuna``: searches that survive a kill, prune bad trials and run on many processes or machines.

Hydra imports this module at every start, so it holds the keys and a thin class; Optuna is imported when a sweep runs.
"""

from dataclasses import dataclass
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig


@dataclass
class OptunaConf:
    """The keys of ``hydra.sweeper`` and their defaults."""

    _target_: str = "hydra_plugins.xret_sweeper.OptunaSweeper"
    params: Any = None  # key -> sweep, as on the command line, which wins
    n_trials: int = 20  # finished trials in the whole study, those of earlier calls and other workers included
    n_jobs: int = 1  # trials at a time; needs a launcher that runs jobs side by side
    direction: Any = "maximize"  # maximize or minimize; a list for several objectives
    study_name: str | None = None  # null: made of the space and the fixed keys, so that the same command continues
    storage: str | None = None  # URL or PATH.journal; null: sqlite:///optuna.db of the working folder
    sampler: Any = "tpe"  # tpe, random, grid, cmaes, qmc or nsga2; {name: tpe, multivariate: true} with options
    pruner: Any = None  # null, median, successive_halving or hyperband; {name: median, n_warmup_steps: 2} with options
    seed: int = 0  # of the sampler; trial N draws with seed + N
    max_failure_rate: float = 0.5  # of the finished trials, from the fifth on; beyond it the sweep ends
    winner: bool = True  # run the best parameters once more in the end, with the test split
    grace_s: float = 60.0  # a running trial without a sign of life for so long is lost and asked again


ConfigStore.instance().store(group="hydra/sweeper", name="optuna", node=OptunaConf, provider="xret_sweeper")


class OptunaSweeper(Sweeper):
    """Asks Optuna for parameters and has Hydra's launcher run them.

    Args:
        keys: those of `OptunaConf`.
    """

    def __init__(self, **keys: Any) -> None:  # noqa: ANN401 - a config holds anything
        self.keys = keys

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Remember what Hydra hands over."""
        self.given = hydra_context, task_function, config

    def sweep(self, arguments: list[str]) -> None:
        """Run trials until the study holds ``n_trials`` finished ones, then write down what came out.

        Args:
            arguments: the overrides of the command line that are not Hydra's own.

        Raises:
            UserError: a key, a value or the storage cannot be used, or too many trials failed.
            KeyboardInterrupt: Ctrl-C; the same command goes on.
        """
        from hydra_plugins.xret_sweeper._sweep import Sweep

        Sweep(*self.given, arguments).run()
