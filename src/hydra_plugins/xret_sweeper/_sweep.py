"""The sweep: ask, launch, tell, until the study holds enough finished trials."""

import gc
import json
import logging
import math
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import optuna
from hydra.core.config_loader import ConfigLoader
from hydra.core.hydra_config import HydraConfig
from hydra.core.plugins import Plugins
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.errors import HydraException
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException
from optuna.distributions import check_distribution_compatibility
from optuna.trial import TrialState

from hydra_plugins.xret_sweeper._compose import Remembering
from hydra_plugins.xret_sweeper._finish import finish
from hydra_plugins.xret_sweeper._plan import name_of, read, settle
from hydra_plugins.xret_sweeper._record import Record
from hydra_plugins.xret_sweeper._settings import settings_of
from hydra_plugins.xret_sweeper._study import make_sampler, open_study
from hydra_plugins.xret_sweeper._trials import FINISHED, Trials, standing
from xret._errors import UserError

log = logging.getLogger(__name__)

_SETTLED = 5  # finished trials before the share of failures means something
_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")


class Sweep:
    """One worker's part of a sweep.

    Args:
        context: Hydra's config loader and callbacks.
        task: the function a job runs.
        config: composed from the overrides that are no sweeps.
        arguments: overrides of the command line.

    Raises:
        UserError: something in the keys, the space or the storage cannot be used.
    """

    def __init__(self, context: HydraContext, task: TaskFunction, config: DictConfig, arguments: list[str]) -> None:
        setup_globals()
        self.task, self.config = task, config
        context = HydraContext(cast(ConfigLoader, Remembering(context.config_loader)), context.callbacks)
        settings = settings_of(config.hydra.sweeper, Path(config.hydra.runtime.cwd))
        self.fixed, self.space = read(context.config_loader, config, settings.params, arguments)
        self.space.check()
        self.settings = settings.named(settings.study_name or name_of(config, self.space, self.fixed, settings))
        settle(config, self.settings)
        self.launcher = Plugins.instance().instantiate_launcher(
            hydra_context=context, task_function=task, config=config
        )

    def run(self) -> None:
        """Work until the study is done, then finish it if no other worker does."""
        HydraConfig.instance().set_config(self.config)  # `${hydra:...}` in the tracker's keys
        study = open_study(self.settings)
        self._check_stored(study)
        total = self._enqueue_grid(study) if self.settings.sampler.name == "grid" else self.settings.n_trials
        trials = Trials(study, total, self.settings.grace_s)
        log.info("study %s: %d of %d trials are finished", study.study_name, self._done(trials), total)
        gc.freeze()  # composing configs makes many small objects, and what is loaded by now need not be looked through
        trials.heart.start()
        record = Record.begin(self.config, study, self.space, self.settings)
        try:
            self._work(trials, record)
            finish(self, trials, record)
        except KeyboardInterrupt:
            trials.lose_mine("stopped by Ctrl-C")
            record.end("KILLED")
            counts = trials.counts()
            done = sum(counts[name] for name in FINISHED)
            raise KeyboardInterrupt(f"stopped after {done} of {total} trials; the same command goes on") from None
        except BaseException:
            trials.lose_mine("the sweep ended")
            record.end("FAILED")
            raise
        finally:
            trials.heart.stop()

    def job(self, overrides: Sequence[str], folder: str, record: Record, **keys: object) -> list[str]:
        """Return the overrides of one job: fixed, sampled, and those of ``keys`` that the config has."""
        known = {**keys, "parent_run": record.run_id}
        own = [f"{k}={json.dumps(v)}" for k, v in known.items() if k in self.config and v is not None]
        return [*self.fixed, *overrides, *own, f"hydra.sweep.subdir={folder}"]

    def launch(self, jobs: Sequence[Sequence[str]], first: int) -> Sequence[JobReturn]:
        """Run jobs and return what Hydra says of each."""
        with self._threads():
            return self.launcher.launch(jobs, initial_job_idx=first)

    def _work(self, trials: Trials, record: Record) -> None:
        while True:
            for number in trials.reap():
                log.warning("trial %d is lost: its worker died; its setting is asked again", number)
            room = trials.room()
            asked = [trials.ask() for _ in range(min(room, self._jobs()))]
            batch = [(trial, setting) for trial in asked if trial and (setting := self._sample(trials, trial))]
            if batch:
                self._run(trials, batch, record)
            elif room <= 0 and not trials.counts()["running"]:
                return
            elif not any(asked):
                trials.wait()

    def _sample(self, trials: Trials, trial: optuna.Trial) -> list[str] | None:
        # a seed per trial: neither a restart nor another worker draws the same again
        trials.study.sampler = make_sampler(self.settings, self.settings.seed + trial.number)
        try:
            return self.space.sample(trial)
        except Exception as error:
            self._fail(trials, trial, error)
            return None

    def _run(
        self, trials: Trials, batch: Sequence[tuple[optuna.Trial, list[str]]], record: Record, **keys: object
    ) -> None:
        """Run asked trials and tell how they ended."""
        for trial, setting in batch:
            trial.set_user_attr("overrides", setting)
        try:
            results: Sequence[Any] = self._launch_trials(batch, record, **keys)
        except Exception as error:  # a process that was killed, a config that does not compose
            if len(batch) > 1:  # which of them it was shows when each runs alone
                for one in batch:
                    self._run(trials, [one], record, existing="continue")
                return
            results = [error]
        for (trial, _), result in zip(batch, results, strict=True):
            self._judge(trials, trial, result)

    def _launch_trials(
        self, batch: Sequence[tuple[optuna.Trial, list[str]]], record: Record, **keys: object
    ) -> Sequence[JobReturn]:
        jobs = [self.job(s, str(t.number), record, trial=t.number, test=False, **keys) for t, s in batch]
        return self.launch(jobs, batch[0][0].number)

    def _judge(self, trials: Trials, trial: optuna.Trial, result: JobReturn | Exception) -> None:
        """Tell the study how a job ended."""
        outcome = result if isinstance(result, Exception) else result._return_value
        if isinstance(outcome, optuna.TrialPruned):
            trials.tell(trial, state=TrialState.PRUNED)
            return
        if isinstance(outcome, Exception) or (isinstance(result, JobReturn) and result.status is JobStatus.FAILED):
            self._fail(trials, trial, outcome)
            return
        try:
            values = _numbers(outcome, len(self.settings.directions))
        except ValueError as error:
            self._fail(trials, trial, error)
            return
        trials.tell(trial, values)

    def _fail(self, trials: Trials, trial: optuna.Trial, error: Exception) -> None:
        """Record a failure and go on, unless nothing else is to be expected of the other trials.

        Raises:
            UserError: the config is at fault, or too many trials failed.
        """
        line = " ".join(f"{type(error).__name__}: {error}".split()) or type(error).__name__
        before = [standing(t) for t in trials.study.get_trials(deepcopy=False)]
        if _of_the_config(error) and not any(state in FINISHED for state in before):
            trials.drop(trial, "refused", line)
            raise error
        trial.set_user_attr("error", line[:1000])
        trials.tell(trial, state=TrialState.FAIL)
        log.warning("trial %d failed: %s", trial.number, line)
        counts = trials.counts()
        done, failed = sum(counts[name] for name in FINISHED), counts["failed"]
        if done >= _SETTLED and (failed == done or failed > self.settings.max_failure_rate * done):
            raise UserError(
                f"{failed} of {done} trials failed, more than hydra.sweeper.max_failure_rate="
                f"{self.settings.max_failure_rate} allows; the last one with {line}"
            )

    def _jobs(self) -> int:
        """Return how many trials to ask at a time; a launcher that runs them in a row gets one."""
        return 1 if "basic_launcher" in str(self.config.hydra.launcher.get("_target_")) else self.settings.n_jobs

    @contextmanager
    def _threads(self) -> Iterator[None]:
        """Give each of several processes its share of the cores."""
        share = str(max(1, len(os.sched_getaffinity(0)) // self._jobs()))
        added = [name for name in _THREADS if name not in os.environ] if self._jobs() > 1 else []
        os.environ.update(dict.fromkeys(added, share))
        try:
            yield
        finally:
            for name in added:
                os.environ.pop(name, None)

    def _check_stored(self, study: optuna.Study) -> None:
        """Refuse a study whose trials were drawn from another space.

        Raises:
            UserError: a key has other values there.
        """
        ours = {p.key: p.distribution for p in self.space.parameters}
        for trial in study.get_trials(deepcopy=False):
            for key in ours.keys() & trial.distributions.keys():
                try:
                    check_distribution_compatibility(trial.distributions[key], ours[key])
                except ValueError:
                    raise UserError(
                        f"study {study.study_name} has {key} from {trial.distributions[key]}, got {ours[key]}; "
                        "use another hydra.sweeper.study_name"
                    ) from None

    def _enqueue_grid(self, study: optuna.Study) -> int:
        """Line up the cells that are not there yet; return how many trials the study is to hold."""
        void = {"surplus", "refused"}
        known = {
            t.user_attrs["cell"]
            for t in study.get_trials(deepcopy=False)
            if "cell" in t.user_attrs and standing(t) not in void
        }
        number = -1
        for number, cell in enumerate(self.space.cells()):
            if number == self.settings.n_trials:
                log.warning("the grid has more cells than n_trials=%d", self.settings.n_trials)
                return self.settings.n_trials
            if number not in known:
                study.enqueue_trial(cell, user_attrs={"cell": number})
        return number + 1

    @staticmethod
    def _done(trials: Trials) -> int:
        counts = trials.counts()
        return sum(counts[name] for name in FINISHED)


def _numbers(outcome: object, count: int) -> list[float]:
    """Return the objectives a job handed back.

    Raises:
        UserError: they are not as many as the directions, or no numbers at all.
        ValueError: one is not finite.
    """
    given = list(outcome) if isinstance(outcome, Sequence) and not isinstance(outcome, str) else [outcome]
    if len(given) != count:
        raise UserError(f"the run returned {len(given)} objectives, hydra.sweeper.direction lists {count}")
    try:
        values = [float(v) for v in given]  # type: ignore[arg-type]
    except (TypeError, ValueError):
        raise UserError(f"a sweep needs numbers, the run returned {outcome!r}") from None
    if not all(map(math.isfinite, values)):
        raise ValueError(f"the objective is {outcome}, not a finite number")
    return values


def _of_the_config(error: Exception) -> bool:
    """Tell whether an error is the user's and likely to come again; a training that diverged is neither."""
    if isinstance(error, UserError):
        return "not a number" not in str(error)
    return isinstance(error, HydraException | OmegaConfBaseException)
