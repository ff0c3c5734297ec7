"""Files for an MLflow run that is there already; its store is asked for, never taken from the run's own word."""

import json

import mlflow.tracking
import pytest
from mlflow.exceptions import MlflowException

from xret.run.folder import RunFolder
from xret.run.tracking import add_artifacts


class Client:
    """Remembers what it was given."""

    opened, logged, fails = [], [], False

    def __init__(self, tracking_uri):
        self.opened.append(tracking_uri)

    def log_artifact(self, run_id, path, place):
        if self.fails:
            raise MlflowException("Run with id=7 not found\nand more lines")
        self.logged.append((run_id, path.rpartition("/")[2], place))


@pytest.fixture
def client(monkeypatch):
    monkeypatch.setattr(mlflow.tracking, "MlflowClient", Client)
    Client.opened, Client.logged, Client.fails = [], [], False
    return Client


@pytest.fixture
def folders(tmp_path):
    source, out = RunFolder(tmp_path / "run"), RunFolder(tmp_path / "out")
    store = tmp_path / "mlflow.db"
    store.touch()
    source.write_json("mlflow.json", {"run_id": "7", "tracking_uri": f"sqlite:///{store}"})
    for name in ("explanation.png", "explanation.json", ".lock"):
        out.write_text(name, "x")
    return source, out, store


def test_files_are_added_to_the_run_of_the_training(client, folders):
    source, out, store = folders
    add_artifacts(source, out, "explain/out", f"sqlite:///{store}")
    assert client.logged == [("7", "explanation.json", "explain/out"), ("7", "explanation.png", "explain/out")]


def test_a_store_that_only_the_run_names_is_not_opened(client, folders):
    source, out, store = folders
    told = {"run_id": "7", "tracking_uri": "http://127.0.0.1:9"}
    for content in (told, [], {"run_id": "7"}):
        source.write_text("mlflow.json", json.dumps(content))
        add_artifacts(source, out, "explain/out", f"sqlite:///{store}")
    assert client.opened == []


def test_a_store_that_is_gone_is_not_made_anew(client, folders):
    source, out, store = folders
    store.unlink()
    add_artifacts(source, out, "explain/out", f"sqlite:///{store}")
    assert client.opened == []


def test_a_run_that_is_gone_is_said_in_one_line(client, folders, caplog):
    source, out, store = folders
    client.fails = True
    add_artifacts(source, out, "explain/out", f"sqlite:///{store}")
    assert caplog.messages == ["not added to MLflow: Run with id=7 not found"]
