"""A sweep from its command line to its table, over functions in place of trainings."""

import csv
import itertools
import json
import math
import time
from pathlib import Path

import optuna
import pytest
import yaml
from mlflow import MlflowClient

from hydra_plugins.xret_sweeper import _finish, _plan
from hydra_plugins.xret_sweeper._plots import draw
from hydra_plugins.xret_sweeper._trials import Trials, place, standing
from xret._errors import UserError
from xret.run.trial import pruning

NAMED = "hydra.sweeper.study_name=s"
X = "x=interval(0,1)"
FOLDER = Path("runs/sweep/s")


def table(name):
    return list(csv.DictReader((FOLDER / name).read_text().splitlines()))


def trials_are(n):
    return f"hydra.sweeper.n_trials={n}"


def test_trials_run_closed_and_the_winner_once_with_the_test_split(real_sweep, study, capsys):
    ran = []
    real_sweep(lambda cfg: ran.append((cfg.trial, cfg.test, cfg.x)) or -abs(cfg.x - 0.3), NAMED, X, trials_are(6))
    assert [r[:2] for r in ran] == [*((n, False) for n in range(6)), (None, True)]
    best = max(ran[:6], key=lambda r: -abs(r[2] - 0.3))
    assert ran[6][2] == best[2]
    assert [t.params["x"] for t in study("s").trials] == [r[2] for r in ran[:6]]
    assert sorted(p.name for p in FOLDER.iterdir() if p.is_dir()) == [*"012345", "winner"]
    stored = yaml.safe_load((FOLDER / "best.yaml").read_text())
    assert (stored["trial"], stored["overrides"]) == (best[0], [f"x={best[2]!r}"])
    rows = table("trials.csv")
    assert [(int(r["number"]), float(r["x"]), r["state"]) for r in rows] == [(r[0], r[2], "complete") for r in ran[:6]]
    printed = capsys.readouterr().out
    assert "6 complete, 0 pruned, 0 failed, 0 lost" in printed
    shown = [line.split("|")[1].strip() for line in printed.splitlines() if line.startswith("| ")][2:]
    ranks = sorted(range(6), key=lambda n: abs(ran[n][2] - 0.3))
    assert shown == [str(n) for n in ranks[:5]]
    assert f"  python app x={best[2]!r}\n" in printed


def test_minimising_ranks_the_other_way(sweep):
    sweep(lambda cfg: cfg.x, NAMED, X, trials_are(5), "hydra.sweeper.direction=minimize", "hydra.sweeper.winner=false")
    rows = table("trials.csv")
    stored = yaml.safe_load((FOLDER / "best.yaml").read_text())
    assert stored["values"] == [min(float(r["value"]) for r in rows)]
    assert not (FOLDER / "winner").exists()


def test_the_same_command_goes_on_to_a_total_without_drawing_anything_twice(sweep, study):
    ran = []

    def task(cfg):
        ran.append(cfg.trial)
        return cfg.x

    sweep(task, NAMED, X, trials_are(3))
    sweep(task, NAMED, X, trials_are(3))
    assert ran == [0, 1, 2, None]
    sweep(task, NAMED, X, trials_are(8))
    assert [n for n in ran if n is not None] == list(range(8))
    assert len({t.params["x"] for t in study("s").trials}) == 8


def test_a_better_trial_of_a_longer_sweep_wins_in_a_folder_beside_the_first(sweep):
    sweep(lambda cfg: cfg.trial or 0, NAMED, X, trials_are(2))
    sweep(lambda cfg: cfg.trial or 0, NAMED, X, trials_are(4))
    assert (FOLDER / "winner").is_dir()
    assert (FOLDER / "winner-3").is_dir()


def test_without_a_name_the_space_and_the_fixed_keys_name_the_study(sweep):
    for arguments in ([X], [X], [X, "sleep=0.001"], ["x=interval(0,0.5)"], [X, "hydra.sweeper.direction=minimize"]):
        sweep(lambda cfg: cfg.x, *arguments, trials_are(1), "hydra.sweeper.winner=false")
    summaries = optuna.get_all_study_summaries("sqlite:///optuna.db")
    assert sorted(s.n_trials for s in summaries) == [1, 1, 1, 1]
    assert len(list(Path("runs/sweep").glob("xret-*"))) == 4


def test_the_command_line_wins_over_params_and_fixed_keys_reach_every_job(real_sweep):
    seen = []
    params = "hydra.sweeper.params={x:'interval(5,6)',miner:'inbatch,semihard',sleep:0.002}"
    real_sweep(lambda cfg: seen.append(cfg.copy()) or cfg.x, NAMED, params, X, "miner=semihard", trials_are(3))
    assert all(0 <= cfg.x <= 1 and cfg.miner.kind == "semihard" and cfg.sleep == 0.002 for cfg in seen)


def test_the_folder_of_the_command_line_wins(real_sweep):
    real_sweep(lambda cfg: cfg.x, NAMED, X, trials_are(1), "hydra.sweep.dir=mine")
    assert Path("mine/0").is_dir()
    assert not Path("runs").exists()


@pytest.mark.parametrize(
    "error", [RuntimeError("CUDA out of memory"), MemoryError(), ValueError("two\nlines"), math.nan]
)
def test_a_trial_that_fails_is_noted_and_the_sweep_goes_on(sweep, study, caplog, error):
    def task(cfg):
        if cfg.trial == 1:
            if isinstance(error, float):
                return error
            raise error
        return cfg.x

    sweep(task, NAMED, X, trials_are(4))
    trials = study("s").trials
    assert [standing(t) for t in trials] == ["complete", "failed", "complete", "complete"]
    wanted = "not a finite number" if isinstance(error, float) else type(error).__name__
    assert wanted in trials[1].user_attrs["error"]
    assert "\n" not in trials[1].user_attrs["error"]


@pytest.mark.parametrize(
    ("fails", "rate", "ran"),
    [
        (lambda n: True, 1.0, 5),
        (lambda n: n % 2 == 0, 0.5, 5),
        (lambda n: n in {0, 4}, 0.4, 10),
        (lambda n: n > 5, 0.3, 9),
    ],
)
def test_too_many_failures_end_the_sweep(sweep, fails, rate, ran):
    count = []

    def task(cfg):
        count.append(cfg.trial)
        if cfg.trial is not None and fails(cfg.trial):
            raise RuntimeError("no")
        return cfg.x

    arguments = [NAMED, X, trials_are(10), f"hydra.sweeper.max_failure_rate={rate}", "hydra.sweeper.winner=false"]
    if ran < 10:
        with pytest.raises(UserError, match=r"max_failure_rate.*RuntimeError: no"):
            sweep(task, *arguments)
    else:
        sweep(task, *arguments)
    assert len(count) == ran


@pytest.mark.parametrize(
    "outcome",
    [UserError("monitor=val/mr is not measured"), (1.0, 2.0), "many", None],
    ids=["user", "two", "text", "none"],
)
def test_a_mistake_in_the_config_ends_the_sweep_at_once_and_counts_for_nothing(sweep, study, outcome):
    def task(cfg):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(UserError):
        sweep(task, NAMED, X, trials_are(2))
    assert [standing(t) for t in study("s").trials] == ["refused"]
    sweep(lambda cfg: cfg.x, NAMED, X, trials_are(2))
    assert [standing(t) for t in study("s").trials] == ["refused", "complete", "complete"]


def test_a_training_that_diverged_first_does_not_end_the_sweep(sweep, study):
    def task(cfg):
        if cfg.trial == 0:
            raise UserError("val/mrr is not a number in epoch 0; lower optimizer.lr")
        return cfg.x

    sweep(task, NAMED, X, trials_are(2))
    assert [standing(t) for t in study("s").trials] == ["failed", "complete"]


def test_ctrl_c_loses_the_trial_and_the_next_call_asks_it_again(sweep, study):
    def stop(cfg):
        if cfg.trial == 1:
            raise KeyboardInterrupt
        return cfg.x

    with pytest.raises(KeyboardInterrupt, match="after 1 of 3 trials"):
        sweep(stop, NAMED, X, trials_are(3))
    sweep(lambda cfg: cfg.x, NAMED, X, trials_are(3))
    trials = study("s").trials
    assert [standing(t) for t in trials] == ["complete", "lost", "complete", "complete"]
    assert trials[2].params == trials[1].params


@pytest.mark.parametrize("storage", ["null", "deep/er.journal"])
def test_a_job_finds_its_trial_and_the_pruner_of_the_sweep(real_sweep, study, storage):
    Path("deep").mkdir()
    ends = []

    def task(cfg):
        callback = pruning(cfg.trial, "val/mrr")
        if cfg.trial is None:
            assert callback is None, "the winner is not pruned"
            return 1.0
        report = callback._connect()
        for step in range(4):
            if report(-float(cfg.trial)):
                ends.append((cfg.trial, step))
                raise optuna.TrialPruned
        return -float(cfg.trial)

    pruner = "hydra.sweeper.pruner={name: median, n_startup_trials: 1, n_warmup_steps: 2}"
    real_sweep(task, NAMED, X, trials_are(3), pruner, f"hydra.sweeper.storage={storage}")
    assert ends == [(1, 2), (2, 2)]
    if storage == "null":
        assert [standing(t) for t in study("s").trials] == ["complete", "pruned", "pruned"]


def test_pruned_trials_count_as_finished_and_never_win(sweep, study):
    def task(cfg):
        if cfg.trial in {0, 2}:
            raise optuna.TrialPruned
        return cfg.x

    sweep(task, NAMED, X, trials_are(4))
    assert [standing(t) for t in study("s").trials] == ["pruned", "complete", "pruned", "complete"]
    assert yaml.safe_load((FOLDER / "best.yaml").read_text())["trial"] in {1, 3}


def test_several_objectives_leave_their_front(sweep):
    directions = "hydra.sweeper.direction=[maximize,minimize]"
    sweep(lambda cfg: (cfg.x, abs(cfg.x - 0.4)), NAMED, X, trials_are(8), directions, "hydra.sweeper.sampler=nsga2")
    rows = [(float(r["value_0"]), float(r["value_1"])) for r in table("trials.csv")]
    front = [(float(r["value_0"]), float(r["value_1"])) for r in table("pareto.csv")]
    wanted = {a for a in rows if not any(b != a and b[0] >= a[0] and b[1] <= a[1] for b in rows)}
    assert set(front) == wanted
    assert not (FOLDER / "winner").exists()


def test_the_grid_runs_every_cell_once_and_again_only_what_was_lost(sweep, study):
    grid = [NAMED, "hydra.sweeper.sampler=grid", "x=range(0,1,0.25)", "miner=inbatch,semihard", "miner.margin=1,2"]

    def stop(cfg):
        if cfg.trial == 7:
            raise KeyboardInterrupt
        return cfg.x

    with pytest.raises(KeyboardInterrupt):
        sweep(stop, *grid, trials_are(50))
    sweep(lambda cfg: cfg.x, *grid, trials_are(50))
    ran = [json.dumps(t.params, sort_keys=True) for t in study("s").trials if standing(t) == "complete"]
    assert len(ran) == len(set(ran)) == 4 + 4 * 2


@pytest.mark.parametrize("sampler", ["tpe", "random", "qmc", "nsga2", "{name: tpe, multivariate: true, group: true}"])
@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
def test_every_sampler_draws_from_a_conditional_space(sweep, study, sampler):
    arguments = ["miner=inbatch,semihard", "miner.margin=interval(0,1)", X, f"hydra.sweeper.sampler={sampler}"]
    sweep(lambda cfg: cfg.x, NAMED, *arguments, trials_are(13), "hydra.sweeper.winner=false")
    trials = study("s").trials
    assert all(("miner.margin" in t.params) == (t.params["miner"] == "semihard") for t in trials)
    assert len({t.params["x"] for t in trials}) == 13


def test_a_key_that_is_nowhere_stops_before_a_study_is_made(sweep):
    with pytest.raises(UserError, match=r"did you mean miner\.margin"):
        sweep(lambda cfg: cfg.x, NAMED, "hydra.sweeper.params={miner.margn:'1,2'}", "miner=inbatch,semihard")
    assert not Path("optuna.db").exists()


def test_another_space_under_the_same_name_is_refused(sweep):
    sweep(lambda cfg: cfg.x, NAMED, X, trials_are(1))
    with pytest.raises(UserError, match=r"use another hydra\.sweeper\.study_name"):
        sweep(lambda cfg: cfg.x, NAMED, "x=1,2", trials_are(2))


def test_the_pictures_are_those_the_study_has_trials_for(tmp_path):
    one = optuna.create_study(direction="maximize")
    space = {k: optuna.distributions.FloatDistribution(0, 1) for k in "ab"}
    for i in range(5):
        one.add_trial(optuna.create_trial(value=i, params={"a": i / 5, "b": (i * i % 5) / 5}, distributions=space))
        if i == 0:
            assert [p.name for p in draw(one, tmp_path)] == ["history.png"]
    assert [p.name for p in draw(one, tmp_path)] == ["history.png", "parallel.png", "importance.png"]
    two = optuna.create_study(directions=["maximize", "minimize"])
    two.add_trial(optuna.create_trial(values=[1, 2], params={"a": 0.5}, distributions={"a": space["a"]}))
    assert [p.name for p in draw(two, tmp_path)] == ["pareto.png"]
    assert all((tmp_path / f"{name}.png").stat().st_size > 1000 for name in ("history", "importance", "pareto"))


@pytest.mark.filterwarnings("ignore")
def test_mlflow_has_one_parent_for_both_halves_of_a_sweep(sweep, conf, tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    tracker = {"_target_": "pytorch_lightning.loggers.MLFlowLogger", "experiment_name": "e", "tracking_uri": uri}
    (conf / "app.yaml").write_text((conf / "app.yaml").read_text() + f"tracker: {json.dumps(tracker)}\n")
    parents = []
    for total in (2, 3):
        sweep(lambda cfg: parents.append(cfg.parent_run) or cfg.x, NAMED, X, trials_are(total))
    client = MlflowClient(uri)
    (run,) = client.search_runs([client.get_experiment_by_name("e").experiment_id])
    assert set(parents) == {run.info.run_id}
    assert (run.info.status, run.info.run_name) == ("FINISHED", "s")
    assert run.data.metrics["trials/complete"] == 3
    assert "x" in run.data.params
    assert {"best.yaml", "trials.csv"} <= {f.path for f in client.list_artifacts(run.info.run_id)}

    def stop(cfg):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(stop, NAMED, X, trials_are(4))
    assert client.get_run(run.info.run_id).info.status == "KILLED"


@pytest.mark.parametrize("text", ["plain", "it's", "a\\b", "back\\'slash", "journal:////tmp/a b,c"])
def test_a_path_survives_the_override_syntax(text):
    from hydra.core.override_parser.overrides_parser import OverridesParser

    (override,) = OverridesParser.create().parse_overrides([f"k={_plan.quoted(text)}"])
    assert override.value() == text


def test_only_one_worker_ends_a_sweep_and_a_dead_one_is_replaced(monkeypatch):
    monkeypatch.setattr(_finish, "_SETTLE_S", 0)
    owner = {"host": place(), "pid": 2**22 + 1, "beat": 0}  # beyond the largest process id
    trials = Trials(optuna.create_study(), 1, 60)
    trials.study.set_user_attr("end", owner)
    assert _finish._claim(trials), "its process is gone"

    beats = itertools.count(1)
    trials = Trials(optuna.create_study(), 1, 60)
    trials.study.set_user_attr("end", {**owner, "host": "elsewhere"})
    monkeypatch.setattr(
        trials,
        "wait",
        lambda: trials.study.set_user_attr("end", {**owner, "host": "elsewhere", "beat": next(beats)}),
    )
    assert not _finish._claim(trials), "it beats"

    trials = Trials(optuna.create_study(), 1, 0.05)
    trials.study.set_user_attr("end", {**owner, "host": "elsewhere"})
    monkeypatch.setattr(trials, "wait", lambda: time.sleep(0.01))
    assert _finish._claim(trials), "it is silent"
