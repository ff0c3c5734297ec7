"""Which worker has which trial, and what becomes of those whose worker is gone."""

import os
import subprocess
import sys
import threading
import time

import optuna
import pytest
from optuna.trial import TrialState

from hydra_plugins.xret_sweeper import _trials
from hydra_plugins.xret_sweeper._trials import Heart, Trials, Watch, alive, place, standing


def gone():
    """The id of a process that has ended."""
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


@pytest.fixture
def trials():
    return Trials(optuna.create_study(sampler=optuna.samplers.RandomSampler(0)), 3, 60)


def leave_running(trials, pid, x=0.5, host=None):
    """A trial of another worker that was never told."""
    trial = trials.study.ask()
    trial.set_user_attr("host", host or place())
    trial.set_user_attr("pid", pid)
    if x is not None:
        trial.suggest_float("x", x, x)
    return trial


def states(trials):
    return [standing(t) for t in trials.study.trials]


def test_a_process_lives_until_it_has_ended():
    assert alive(os.getpid())
    assert not alive(gone())
    zombie = subprocess.Popen([sys.executable, "-c", ""])
    deadline = time.monotonic() + 10
    while alive(zombie.pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(zombie.pid)
    zombie.wait()


def test_the_silent_are_dead_after_the_grace_and_not_before(monkeypatch):
    clock = [100.0]
    monkeypatch.setattr(_trials.time, "monotonic", lambda: clock[0])
    watch = Watch(10)
    assert not watch.dead(1, "elsewhere", 7, beat=5)
    clock[0] += 9
    assert not watch.dead(1, "elsewhere", 7, beat=5)
    assert not watch.dead(1, "elsewhere", 7, beat=6)
    clock[0] += 9
    assert not watch.dead(1, "elsewhere", 7, beat=6)
    clock[0] += 2
    assert watch.dead(1, "elsewhere", 7, beat=6)
    assert not watch.dead(2, None, None, None)
    clock[0] += 11
    assert watch.dead(2, None, None, None)


def test_a_dead_process_of_this_machine_is_seen_at_once_and_no_other():
    watch, pid = Watch(1000), gone()
    assert watch.dead(1, place(), pid, beat=1)
    assert not watch.dead(2, "elsewhere", pid, beat=1)
    assert not watch.dead(3, place(), os.getpid(), beat=1)


def test_the_trial_of_a_dead_worker_is_asked_again_and_not_counted(trials):
    leave_running(trials, gone(), x=0.25)
    leave_running(trials, os.getpid())
    assert trials.reap() == [0]
    assert states(trials) == ["lost", "running", "waiting"]
    again = trials.ask()
    assert again.number == 2
    assert again.suggest_float("x", 0, 1) == 0.25
    assert trials.room() == 1


def test_a_setting_that_kills_its_worker_three_times_is_a_failure(trials):
    leave_running(trials, gone(), x=0.25)
    for _ in range(5):
        trials.reap()
        waiting = trials.study.get_trials(states=(TrialState.WAITING,))
        if waiting:
            leave_running(trials, gone(), x=0.25)
    assert states(trials) == ["lost", "lost", "failed"]
    assert "died 3 times" in trials.study.trials[-1].user_attrs["error"]


def test_two_workers_that_find_the_same_lost_trial_repeat_it_once(trials):
    leave_running(trials, gone())
    other = Trials(trials.study, 3, 60)
    lost = trials.study.trials[0]
    trials._lose(lost, "died")
    other._lose(lost, "died")  # as if it had looked before the first one was done
    for worker in (trials, other):
        worker.ask()
    kept = [s for s in states(trials) if s in {"running", "waiting"}]
    assert kept == ["running"]
    assert states(trials)[0] == "lost"


def test_a_trial_beyond_the_total_is_surplus(trials):
    other = Trials(trials.study, 3, 60)
    asked = [worker.ask() for worker in (trials, other, trials, other, trials)]
    assert [t is not None for t in asked] == [True, True, True, False, False]
    assert states(trials) == ["running"] * 3 + ["surplus"] * 2
    for trial in asked[:3]:
        trial.set_user_attr("error", "x")
    trials.tell(asked[0], [1.0])
    other.tell(asked[1], state=TrialState.PRUNED)
    trials.tell(asked[2], state=TrialState.FAIL)
    assert states(trials)[:3] == ["complete", "pruned", "failed"]
    assert trials.room() == 0


def test_a_lost_trial_leaves_its_place_to_one_of_a_higher_number(trials):
    kept = [trials.ask(), trials.ask()]
    leave_running(trials, gone(), x=None)
    trials.reap()
    assert trials.room() == 1
    assert trials.ask() is not None
    assert trials.room() == 0
    assert len(kept) == 2


def test_telling_a_trial_that_others_gave_up_changes_nothing(trials):
    trial = trials.ask()
    Trials(trials.study, 3, 60)._lose(trials.study.trials[0], "silent")
    assert not trials.tell(trial, [1.0])
    assert states(trials)[0] == "lost"


def test_own_trials_are_given_up_when_the_worker_stops(trials):
    trials.ask().suggest_float("x", 0.5, 0.5)
    trials.lose_mine("Ctrl-C")
    assert states(trials) == ["lost", "waiting"]
    assert not trials.mine


def test_the_heart_beats_on_after_an_error_and_stops_when_told():
    beats, broken = [], threading.Event()

    def beat():
        beats.append(1)
        if len(beats) == 2:
            broken.set()
            raise OSError("away for a moment")

    heart = Heart(0.01)
    heart.hold("a", beat)
    heart.start()
    deadline = time.monotonic() + 10
    while len(beats) < 5 and time.monotonic() < deadline:
        time.sleep(0.01)
    heart.release("a")
    heart.stop()
    heart.join(5)
    assert broken.is_set()
    assert len(beats) >= 5
    assert not heart.is_alive()
