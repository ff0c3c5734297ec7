"""Runs in a fresh ``mlflow ui``, seen by a real browser: the comparison of two trials shows both and their figures."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
import warnings

import pytest

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


@pytest.fixture
def ui(tmp_path):
    """Start ``mlflow ui`` in a folder; returns its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "ui", "--port", str(port)]
    environment = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with open(tmp_path / "ui.log", "w") as log:
        running = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=log, stderr=log)
    yield f"http://127.0.0.1:{port}"
    running.terminate()
    running.wait(timeout=30)


def wait_for(address, seconds=120):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            return urllib.request.urlopen(f"{address}/health", timeout=5).status
        except OSError:
            time.sleep(0.5)
    raise AssertionError(f"{address} did not answer")


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian: chromium)")
def test_two_trials_stand_side_by_side_in_a_browser(tmp_path, shapes, fork, request):
    from mlflow import MlflowClient
    from playwright.sync_api import sync_playwright

    small = ["data=table", f"data.path={shapes}", "encoder=scratch", "batch.size=16", "batch.workers=0"]
    quick = ["trainer.max_epochs=1", "trainer.accelerator=cpu", "details=false"]
    many = ["-m", "hydra/sweeper=optuna", "hydra.sweeper.n_trials=2", "hydra.sweeper.winner=false"]
    space = ["loss.temperature=tag(log,interval(0.02,0.2))", "hydra.sweeper.study_name=seen"]
    search = fork("train", *many, *small, *quick, *space)
    _, complaints = search.communicate(timeout=300)
    assert search.returncode == 0, complaints
    warnings.simplefilter("ignore")  # of SQLAlchemy, about what MLflow does
    client = MlflowClient(f"sqlite:///{tmp_path}/mlflow.db")
    experiment = client.get_experiment_by_name("xret").experiment_id
    runs = client.search_runs([experiment])
    parent = next(run for run in runs if run.info.run_name == "seen")
    trials = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id]
    assert {run.info.run_name for run in trials} == {"trial 0", "trial 1"}
    address = request.getfixturevalue("ui")
    wait_for(address)
    chosen = ",".join(f'"{run.info.run_id}"' for run in trials)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f'{address}/#/compare-runs?runs=[{chosen}]&experiments=["{experiment}"]')
        page.get_by_text("loss.temperature").first.wait_for(timeout=120_000)
        text = page.inner_text("body")
        if folder := os.environ.get("XRET_PICTURES"):
            page.screenshot(path=f"{folder}/mlflow.png")
        browser.close()
    assert "trial 0" in text
    assert "trial 1" in text
    assert "val/mrr" in text
