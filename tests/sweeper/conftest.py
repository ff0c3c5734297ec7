"""A small app to sweep over: `x`, and a miner that has a margin in one of two options."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import hydra
import optuna
import pytest
from hydra.core.global_hydra import GlobalHydra
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from hydra_plugins.xret_sweeper import _finish, _sweep

APP = str(Path(__file__).with_name("app.py"))
CONF = {
    "app.yaml": """
defaults:
  - miner: inbatch
  - encoder: two
  - _self_
x: 0.5
sleep: 0
kill_at: null
trial: null
test: true
parent_run: null
""",
    "miner/inbatch.yaml": "kind: inbatch\n",
    "miner/semihard.yaml": "kind: semihard\nmargin: 0.1\n",
    "encoder/one.yaml": "width: 1\n",
    "encoder/two.yaml": "defaults: [{image: small}]\nwidth: 2\n",
    "encoder/image/small.yaml": "px: 32\n",
    "encoder/image/large.yaml": "px: 64\n",
}


@pytest.fixture
def conf(tmp_path):
    """The folder of the app's options."""
    for name, text in CONF.items():
        path = tmp_path / "options" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tmp_path / "options"


def in_a_row(self, jobs, first):
    """Run jobs as the basic launcher does, without the time it takes to compose each config."""
    folder, results = Path(str(self.config.hydra.sweep.dir)), []
    for job in jobs:
        keys = dict(text.split("=", 1) for text in job)
        (folder / keys.pop("hydra.sweep.subdir")).mkdir(parents=True)
        base = {k: v for k, v in OmegaConf.to_container(self.config, resolve=False).items() if k != "hydra"}
        if "miner" in keys:
            base["miner"] = {"kind": keys.pop("miner")}
        cfg = OmegaConf.merge(base, OmegaConf.from_dotlist([f"{k}={v}" for k, v in keys.items()]))
        try:
            results.append(JobReturn(status=JobStatus.COMPLETED, _return_value=self.task(cfg)))
        except Exception as error:
            results.append(JobReturn(status=JobStatus.FAILED, _return_value=error))
    return results


@pytest.fixture
def sweep(real_sweep, monkeypatch):
    """Run a sweep in this process over a function of the config, without pictures."""
    monkeypatch.setattr(_sweep.Sweep, "launch", in_a_row)
    return real_sweep


@pytest.fixture
def real_sweep(conf, tmp_path, monkeypatch):
    """The same through Hydra's own launcher."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    monkeypatch.setattr(_finish, "draw", lambda study, folder: [])
    monkeypatch.setattr(_finish, "_SETTLE_S", 0)
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level

    def run(task, *arguments, sweeper="optuna"):
        monkeypatch.setattr(sys, "argv", ["app", "-m", f"hydra/sweeper={sweeper}", *arguments])
        GlobalHydra.instance().clear()

        def job(cfg):
            return task(cfg)

        hydra.main(version_base="1.3", config_path=str(conf), config_name="app")(job)()

    yield run
    GlobalHydra.instance().clear()
    for handler in [h for h in root.handlers if h not in handlers]:
        handler.close()
    root.handlers = handlers
    root.setLevel(level)


@pytest.fixture
def study(tmp_path):
    """Open a study of the default storage."""
    opened = []

    def load(name, storage=None):
        if storage is None or isinstance(storage, str):
            storage = optuna.storages.RDBStorage(storage or f"sqlite:///{tmp_path}/optuna.db")
            opened.append(storage)
        return optuna.load_study(study_name=name, storage=storage)

    yield load
    for storage in opened:
        storage.remove_session()
        storage.engine.dispose()


@pytest.fixture
def worker(conf, tmp_path):
    """Start a sweep as a process of its own; whatever still runs in the end is killed."""
    running = []

    def start(*arguments, **env):
        process = subprocess.Popen(
            [sys.executable, APP, str(conf), "-m", "hydra/sweeper=optuna", *arguments],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "HYDRA_FULL_ERROR": "1", **env},
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        if not process.stdout.closed:  # by a test that read it to its end
            process.communicate()
