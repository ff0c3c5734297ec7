"""Stops a training that is one trial of a sweep as soon as the sweep's pruner has seen enough."""

import math
from collections.abc import Callable

import pytorch_lightning as pl

Report = Callable[[float], bool]


class Pruning(pl.Callback):
    """Reports the monitored metric after each validation, and stops the training when told to.

    Only the first process talks to the study; all of them stop together.

    Args:
        monitor: the metric to report.
        connect: returns the function that takes a value and says whether to stop; called once, at the first report.

    Attributes:
        pruned: whether the training was stopped here.
    """

    def __init__(self, monitor: str, connect: Callable[[], Report]) -> None:
        self.monitor, self._connect = monitor, connect
        self._report: Report | None = None
        self.pruned = False

    def on_validation_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Report, and ask the trainer to stop."""
        if trainer.sanity_checking or self.monitor not in trainer.callback_metrics:
            return
        stop = False
        if trainer.is_global_zero:
            self._report = self._report or self._connect()
            value = float(trainer.callback_metrics[self.monitor])
            stop = math.isfinite(value) and self._report(value)
        if trainer.strategy.broadcast(stop):
            self.pruned = trainer.should_stop = True


def pruning(number: int | None, monitor: str) -> Pruning | None:
    """Return the callback for this training.

    Args:
        number: of the trial in its study; None outside of a sweep.
        monitor: the metric that is reported; larger is better unless the sweep minimises.

    Returns:
        None where nothing is pruned: no trial, no pruner, or several objectives.
    """
    if number is None:
        return None
    from hydra_plugins.xret_sweeper import _job

    settings = _job.pruned_here()
    if settings is None:
        return None
    return Pruning(monitor, lambda: _job.Reporter(settings, number).report)
