"""Sweeps in processes of their own: killed, side by side, on a server, under launchers."""

import os
import shutil
import signal
import socket
import subprocess
import time
from collections import Counter
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from pathlib import Path

import psycopg
import pytest

from hydra_plugins.xret_sweeper._study import LOCK, _storage
from hydra_plugins.xret_sweeper._trials import standing

NAMED = "hydra.sweeper.study_name=s"
X = "x=interval(0,1)"
pytestmark = pytest.mark.slow


def finished(study, *storage):
    return [t for t in study("s", *storage).trials if standing(t) in {"complete", "pruned", "failed"}]


def wait_until(true, process, seconds=90):
    deadline = time.monotonic() + seconds
    while not true():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.05)


def started(tmp_path):
    path = tmp_path / "started.txt"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def end(process):
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0, out
    return out


@pytest.mark.parametrize("storage", ["null", "optuna.journal"])
def test_a_sweep_that_was_killed_ends_with_exactly_its_trials(worker, study, tmp_path, storage):
    arguments = [NAMED, X, "hydra.sweeper.n_trials=5", f"hydra.sweeper.storage={storage}", "sleep=0.3"]
    first = worker(*arguments)
    wait_until(lambda: len(started(tmp_path)) >= 3, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    out = end(worker(*arguments))
    assert "trial 2 is lost" in out
    assert "5 complete, 0 pruned, 0 failed, 1 lost" in out
    loaded = None
    if storage != "null":
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend

        loaded = JournalStorage(JournalFileBackend(str(tmp_path / storage)))
    drawn = [t.params["x"] for t in finished(study, loaded)]
    assert len(drawn) == len(set(drawn)) == 5
    trials = study("s", loaded).trials
    assert trials[2].params["x"] in drawn


def test_two_workers_share_one_sweep_exactly(worker, study, tmp_path):
    arguments = [NAMED, X, "hydra.sweeper.n_trials=9", "sleep=0.05"]
    outs = [end(p) for p in [worker(*arguments), worker(*arguments)]]
    drawn = [t.params["x"] for t in finished(study)]
    assert len(drawn) == len(set(drawn)) == 9
    ran = Counter(number for number, *_ in started(tmp_path))
    assert ran.pop("None") == 1, "one winner"
    assert set(ran.values()) == {1}, "no trial twice"
    assert len({pid for _, pid, _ in started(tmp_path)}) == 2
    assert any("9 complete" in out for out in outs)


def test_joblib_runs_trials_side_by_side_with_their_share_of_the_cores(worker, study, tmp_path, monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    out = end(
        worker(NAMED, X, "hydra.sweeper.n_trials=4", "hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "sleep=1")
    )
    assert "4 complete" in out
    assert len(finished(study)) == 4
    jobs = started(tmp_path)[:4]
    assert len({pid for _, pid, _ in jobs}) == 2
    assert {threads for *_, threads in jobs} == {str(max(1, len(os.sched_getaffinity(0)) // 2))}


def test_submitit_runs_each_trial_as_a_job_of_its_own(worker, study, tmp_path):
    out = end(worker(NAMED, X, "hydra.sweeper.n_trials=3", "hydra/launcher=submitit_local", "hydra.sweeper.n_jobs=2"))
    assert "3 complete" in out
    assert Counter(map(standing, study("s").trials)) == {"complete": 3}
    assert len({pid for _, pid, _ in started(tmp_path)}) == 4  # and the winner


def test_a_job_whose_process_is_killed_fails_and_the_sweep_goes_on(worker, study):
    out = end(
        worker(
            *(NAMED, X, "hydra.sweeper.n_trials=5", "hydra/launcher=joblib", "hydra.sweeper.n_jobs=2", "kill_at=1"),
            *("hydra.sweeper.winner=false", "sleep=0.1"),
        )
    )
    assert "trial 1 failed" in out
    assert Counter(map(standing, study("s").trials)) == {"complete": 4, "failed": 1}


@pytest.fixture(scope="module")
def postgres(tmp_path_factory):
    """The URL of a PostgreSQL server of our own."""
    folders = [str(p) for p in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    search = os.pathsep.join([*folders, os.environ["PATH"]])
    initdb, control = (shutil.which(name, path=search) for name in ("initdb", "pg_ctl"))
    if not initdb or not control:
        pytest.skip("PostgreSQL's initdb and pg_ctl are not installed (Debian: postgresql)")
    as_user = []
    top = tmp_path_factory.mktemp("postgres")
    if os.getuid() == 0:  # the server refuses to run as root
        as_user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        os.chown(top, 65534, 65534)
        for folder in [top, *top.parents]:
            if folder.owner() == "root" and not folder.stat().st_mode & 0o001:
                folder.chmod(folder.stat().st_mode | 0o011)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    data, run = top / "data", {"check": True, "stdout": subprocess.DEVNULL, "cwd": "/"}
    subprocess.run([*as_user, initdb, "-D", data, "-A", "trust", "-U", "xret", "--no-sync"], **run)
    options = f"-p {port} -k {top} -c listen_addresses=127.0.0.1 -c fsync=off"
    subprocess.run([*as_user, control, "-D", data, "-l", top / "log", "-o", options, "-w", "start"], **run)
    yield f"postgresql://xret@127.0.0.1:{port}/postgres"
    subprocess.run([*as_user, control, "-D", data, "-m", "immediate", "stop"], **{**run, "check": False})


def test_tables_of_a_new_database_are_created_by_one_at_a_time(postgres):
    url = postgres.replace("postgresql:", "postgresql+psycopg:")
    with ThreadPoolExecutor(4) as workers:
        with psycopg.connect(postgres, autocommit=True) as server:
            server.execute(f"select pg_advisory_lock({LOCK})")
            opened = [workers.submit(_storage.__wrapped__, url) for _ in range(4)]
            assert not wait(opened, timeout=1, return_when=FIRST_COMPLETED).done
            assert server.execute("select to_regclass('studies')").fetchone() == (None,)
        for storage in opened:
            assert storage.result().get_all_studies() == []
            storage.result().engine.dispose()


def test_two_workers_on_postgresql_lose_only_the_trial_of_the_one_that_is_killed(worker, study, tmp_path, postgres):
    arguments = [NAMED, X, "hydra.sweeper.n_trials=40", f"hydra.sweeper.storage='{postgres}'", "sleep=0.1"]
    first, second = worker(*arguments), worker(*arguments)
    wait_until(lambda: any(pid == str(first.pid) for _, pid, _ in started(tmp_path)), first)
    wait_until(lambda: len(started(tmp_path)) >= 3, first)
    first.send_signal(signal.SIGKILL)
    first.wait()
    out = end(second)
    stored = study("s", postgres.replace("postgresql://", "postgresql+psycopg://"))
    counts = Counter(map(standing, stored.trials))
    assert counts["complete"] == 40
    assert counts["lost"] <= 1
    assert counts["running"] == counts["failed"] == 0
    drawn = [t.params["x"] for t in stored.trials if standing(t) == "complete"]
    assert len(set(drawn)) == 40
    assert "40 complete" in out
