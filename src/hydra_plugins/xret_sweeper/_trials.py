"""Who runs which trial: claims, signs of life, and trials whose worker is gone."""

import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState

_TRIES = 3  # a setting whose worker dies this often is taken to be the reason
_POLL_S = 1.0


def place() -> str:
    """Return what tells apart machines, and containers of one name, so that a process id means one process."""
    try:
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()


def alive(pid: int) -> bool:
    """Tell whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:  # a process whose parent never asked how it ended still has its number
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return True


def standing(trial: FrozenTrial) -> str:
    """Return waiting, running, complete, pruned, failed, lost, surplus or refused; the middle three are finished.

    Optuna's FAIL holds four: an error of the trial, a worker that died, one trial too many, and a config that cannot
    be run at all.
    """
    if trial.state is not TrialState.FAIL:
        return trial.state.name.lower()
    return next((why for why in ("lost", "surplus", "refused") if why in trial.user_attrs), "failed")


FINISHED = ("complete", "pruned", "failed")


class Heart(threading.Thread):
    """Writes a sign of life, every so often, for whatever is held.

    Args:
        every_s: seconds between two signs.
    """

    def __init__(self, every_s: float) -> None:
        super().__init__(name="xret-sweep-heart", daemon=True)
        self._every_s, self._stopped = every_s, threading.Event()
        self._held: dict[str, Callable[[], None]] = {}

    def hold(self, name: str, beat: Callable[[], None]) -> None:
        """Call ``beat`` now and from now on."""
        beat()
        self._held[name] = beat

    def release(self, name: str) -> None:
        """Call it no more."""
        self._held.pop(name, None)

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()

    def run(self) -> None:
        """Beat until stopped; a storage that is away for a moment, or a trial that has just ended, stops nothing."""
        while not self._stopped.wait(self._every_s):
            for beat in list(self._held.values()):
                try:
                    beat()
                except Exception:  # the next beat tries again
                    continue


class Watch:
    """Tells who is dead, by process id on this machine, and by silence anywhere.

    Silence is measured with the clock of this process alone, so clocks of machines may differ.

    Args:
        grace_s: seconds of silence.
    """

    def __init__(self, grace_s: float) -> None:
        self._grace_s, self._place = grace_s, place()
        self._seen: dict[object, tuple[object, float]] = {}

    def dead(self, name: object, host: object, pid: object, beat: object) -> bool:
        """Tell whether the owner of something is gone.

        Args:
            name: of the thing.
            host: `place` of the owner; None if unknown.
            pid: its process.
            beat: its last sign of life; any value that changes.
        """
        if host == self._place and isinstance(pid, int) and not alive(pid):
            return True
        before, since = self._seen.get(name, (None, 0.0))
        if name not in self._seen or before != beat:
            self._seen[name] = (beat, time.monotonic())
            return False
        return time.monotonic() - since > self._grace_s


class Trials:
    """The trials of a study as several workers share them.

    Args:
        study: open.
        total: finished trials wanted in the whole study.
        grace_s: silence after which a running trial is lost.
    """

    def __init__(self, study: optuna.Study, total: int, grace_s: float) -> None:
        self.study, self.total = study, total
        self.heart, self.watch = Heart(grace_s / 6), Watch(grace_s)
        self.mine: dict[int, optuna.Trial] = {}
        self._storage = study._storage

    def counts(self) -> Counter[str]:
        """Return how many trials stand where."""
        return Counter(standing(t) for t in self.study.get_trials(deepcopy=False))

    def room(self) -> int:
        """Return how many more trials may be started."""
        counts = self.counts()
        return self.total - sum(counts[name] for name in (*FINISHED, "running"))

    def ask(self) -> optuna.Trial | None:
        """Start a trial; None if another worker took the last place, or already repeats the same lost trial."""
        trial = self.study.ask()
        self.mine[trial.number] = trial
        trial.set_user_attr("pid", os.getpid())
        trial.set_user_attr("host", place())
        self.heart.hold(str(trial.number), lambda: trial.set_user_attr("beat", time.time()))
        if self._surplus(trial.number):
            self.drop(trial, "surplus", "another worker has it")
            return None
        return trial

    def _surplus(self, number: int) -> bool:
        trials = self.study.get_trials(deepcopy=False)
        before = [(t, standing(t)) for t in trials if t.number < number]
        if sum(state in (*FINISHED, "running") for _, state in before) >= self.total:
            return True
        own = next(t.user_attrs for t in trials if t.number == number)
        return any(
            t.user_attrs.get(token) == own[token] and state not in {"surplus", "refused"}
            for token in ("again", "cell")
            if token in own
            for t, state in before
        )

    def drop(self, trial: optuna.Trial, why: str, reason: str) -> None:
        """End a trial of this worker without counting it."""
        trial.set_user_attr(why, reason)
        self.tell(trial, state=TrialState.FAIL)

    def tell(self, trial: optuna.Trial, values: list[float] | None = None, state: TrialState | None = None) -> bool:
        """End a trial of this worker; False if others had given it up already."""
        self.heart.release(str(trial.number))
        self.mine.pop(trial.number, None)
        try:
            self.study.tell(trial, values, state=state)
        except (optuna.exceptions.UpdateFinishedTrialError, ValueError):
            if self._storage.get_trial(trial._trial_id).state.is_finished():
                return False
            raise
        return True

    def reap(self) -> list[int]:
        """Give up the trials whose worker is gone and line up their settings again; return their numbers."""
        lost = []
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            attrs = trial.user_attrs
            if trial.number in self.mine:
                continue
            if self.watch.dead(trial.number, attrs.get("host"), attrs.get("pid"), attrs.get("beat")):
                self._lose(trial, "its worker died")
                lost.append(trial.number)
        return lost

    def lose_mine(self, reason: str) -> None:
        """Give up the trials of this worker, which is about to stop."""
        for number in list(self.mine):
            self.heart.release(str(number))
            self._lose(self._storage.get_trial(self.mine.pop(number)._trial_id), reason)

    def _lose(self, trial: FrozenTrial, reason: str) -> None:
        tries = int(trial.user_attrs.get("tries", 1))
        again = trial.params or trial.system_attrs.get("fixed_params")
        try:
            if tries >= _TRIES:
                error = f"its worker died {tries} times with this setting"
                self._storage.set_trial_user_attr(trial._trial_id, "error", error)
            else:
                if again:  # lined up before it is given up: a kill in between must not drop the setting
                    self.study.enqueue_trial(again, user_attrs={"again": trial.number, "tries": tries + 1})
                self._storage.set_trial_user_attr(trial._trial_id, "lost", reason)
            self._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        except optuna.exceptions.UpdateFinishedTrialError:
            return  # another worker was faster; of two repeats the later one is surplus

    def wait(self) -> None:
        """Let the others work for a moment."""
        time.sleep(_POLL_S)
