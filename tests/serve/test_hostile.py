"""Requests that nobody means well with are refused, and nothing outside is read or written."""

import importlib.util
from pathlib import Path

import pytest

from xret.serve.feedback import Feedback


@pytest.fixture(scope="module")
def hostile():
    """The module beside this one, which the bench of 10,000 requests loads too."""
    spec = importlib.util.spec_from_file_location("hostile", Path(__file__).with_name("hostile.py"))
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # starlette leaves cut-off uploads to gc
def test_no_malformed_request_makes_a_fault_or_a_file(listening, engine, ask, hostile, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    port = listening([engine], Feedback(tmp_path / "told.jsonl"), rate_per_s=0, read_s=2)
    seen, bad = hostile.statuses(port, 300, seed=0)
    assert not bad
    assert sum(seen.get(code, 0) for code in (400, 403, 404, 405, 413, 422)) > 150  # it is read, and refused
    assert {path.name for path in tmp_path.iterdir()} <= {"told.jsonl"}
    assert ask(port, {"query": "red"})[0] == 200


def test_a_small_file_that_claims_to_be_huge_is_refused_unread(client, hostile):
    answer = client.post("/api/search/image", files={"picture": hostile.bomb(30_000, 30_000)})
    assert (answer.status_code, answer.json()["detail"]) == (422, "too_large")
