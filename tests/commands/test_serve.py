"""The server over a trained run: its answers are those of search, and its mistakes are told in one line."""

import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from PIL import Image

from xret._errors import UserError
from xret.commands._serving import Serving, named
from xret.data.table import Table
from xret.serve.engine import Ask, Refused

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def served(index, tmp_path_factory):
    """A server of one index beside itself; gives its process, port and folder."""
    folder = tmp_path_factory.mktemp("served")
    command = [
        sys.executable,
        "-m",
        "xret",
        "serve",
        f"index={index}",
        f"other={index}",
        "port=0",
        "feedback=kept/told.jsonl",
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
    process = subprocess.Popen(command, cwd=folder, env=environment, **pipes)
    line = next(line for line in process.stdout if line.startswith("page: "))
    assert "80 items of" in line
    yield process, int(line.split(":")[3].partition("/")[0]), folder
    process.kill()
    process.communicate()


@pytest.fixture
def ask(served):
    """Send a request; returns status and body, read where it is JSON."""

    def send(method, path, body=None, kind="application/json"):
        connection = http.client.HTTPConnection("127.0.0.1", served[1], timeout=60)
        content = json.dumps(body) if isinstance(body, dict) else body
        connection.request(method, path, content, {"Content-Type": kind})
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, json.loads(content) if "json" in answer.getheader("Content-Type") else content

    return send


def upload(path, **fields):
    """A multipart body of a picture and other fields, and its type."""
    mark = uuid.uuid4().hex
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n'.encode() for n, v in fields.items()
    ]
    head = f'--{mark}\r\nContent-Disposition: form-data; name="picture"; filename="../../a.exe"\r\n\r\n'.encode()
    return b"".join(
        [*parts, head, path.read_bytes(), f"\r\n--{mark}--\r\n".encode()]
    ), f"multipart/form-data; boundary={mark}"


def test_a_text_is_answered_as_by_search(ask, xret, index):
    chosen = {"colour": ["red", "blue"]}
    status, answer = ask("POST", "/api/search", {"query": "a red circle", "k": 5, "filter": chosen})
    _, out, _ = xret(
        "search", f"index={index}", "query=a red circle", "k=5", "format=json", "filter={colour: [red, blue]}"
    )
    expected = json.loads(out)["results"]
    assert status == 200
    assert [r["id"] for r in answer["results"]] == [r["id"] for r in expected]
    assert [r["score"] for r in answer["results"]] == pytest.approx([r["score"] for r in expected], abs=1e-4)


def test_a_picture_is_found_by_itself_and_shown(ask, shapes):
    path = shapes.parent / "blue-square-white.png"
    status, answer = ask("POST", "/api/search/image", *upload(path, k=1, filter='{"shape": "square"}'))
    assert status == 200
    first = answer["results"][0]
    assert first["id"] == "blue-square-white"
    status, content = ask("GET", first["picture"])
    assert status == 200
    picture = Image.open(io.BytesIO(content))
    assert (picture.format, picture.size, picture.getpixel((24, 24))) == ("PNG", (48, 48), (0, 0, 255))


def test_facts_offer_the_attributes_that_the_items_have(ask):
    _, facts = ask("GET", "/api/facts")
    one, two = facts["indices"]
    assert one["name"] != two["name"]
    assert (one["items"], one["target"], one["queries"], one["explains"]) == (80, "image", ["text", "image"], True)
    assert one["filters"]["shape"] == ["bar", "circle", "ring", "square"]
    assert facts["feedback"]
    status, refusal = ask("POST", "/api/search", {"query": "red", "filter": {"shape": "squre"}})
    assert (status, refusal["detail"]) == (422, "no item has shape='squre'; did you mean square?")


def test_a_verdict_becomes_a_pair_to_train_on(ask, served, shapes, index):
    _, answer = ask("POST", "/api/search", {"query": "something red", "k": 2})
    right, wrong = answer["results"]
    for result, verdict in ((right, "right"), (wrong, "wrong")):
        body = {"query": "something red", "item": result["item"], "verdict": verdict}
        assert ask("POST", "/api/feedback", body)[0] == 200
    manifest = Table(str(served[2] / "kept/told.jsonl"), allow_outside=True).load()
    assert not manifest.rejected
    assert [row.inputs["text"] for row in manifest.rows] == ["something red"] * 2
    assert [Path(row.inputs["image"]) for row in manifest.rows] == [
        shapes.parent / f"{r['id']}.png" for r in (right, wrong)
    ]
    assert [(row.weight, row.attributes["verdict"]) for row in manifest.rows] == [(1, "right"), (0, "wrong")]
    assert manifest.rows[0].attributes["run"] == str(index.parent / "run")


def test_why_shows_where_the_model_looks(ask):
    status, reason = ask("POST", "/api/explain", {"query": "a red circle", "item": 0})
    assert status == 200
    assert reason["picture"].startswith("data:image/png;base64,")
    assert [word["word"] for word in reason["words"]] == ["a", "red", "circle"]


def test_a_stop_ends_it_with_0(served):
    process = served[0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["port=70000"], "port must be a number from 0 to 65535"),
        (["host=203.0.113.7"], "cannot listen on 203.0.113.7, port 8000"),
        (["token=short"], "token must have 8 characters or more"),
        (["waiting=0"], "waiting must be above 0"),
        (["feedback=told.csv"], "feedback must be a file that ends in .jsonl"),
        (["other=none"], "none is no index folder"),
    ],
)
def test_a_mistake_is_told_in_one_line(xret, index, arguments, told):
    code, _, err = xret("serve", f"index={index}", *arguments)
    assert code == 2
    assert told in err.splitlines()[-1]


def test_a_taken_port_says_what_to_do(xret, index):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        code, _, err = xret("serve", f"index={index}", f"port={taken.getsockname()[1]}")
    assert code == 2
    assert "in use; choose another port" in err


def test_indices_get_short_names_that_differ():
    assert named([Path("/a/one"), Path("/a/two")]) == ["one", "two"]
    assert named([Path("/a/x"), Path("/b/x")]) == ["a/x", "b/x"]
    assert named([Path("/a/x"), Path("/a/x")]) == ["a/x (1)", "a/x (2)"]


def test_a_query_that_a_second_measure_cannot_take_is_refused_and_no_fault(index, monkeypatch):
    engine = Serving("shapes", index)

    def refuse(*_):
        raise UserError("ask with a text")

    monkeypatch.setattr(engine.answering, "second", refuse)
    refuse.depth = lambda k: k
    with pytest.raises(Refused, match="ask with a text"):
        engine.answer([Ask("red")])


def test_an_answer_may_be_ordered_by_a_second_measure(index):
    class Backwards:
        sees_pictures, depth = False, 5

        def __call__(self, query, candidates):
            return -candidates.scores

    plain, again = (Serving("shapes", index, reranker=r).answer([Ask("red", 8)])[0][0] for r in (None, Backwards()))
    assert [hit.id for hit in again] == [hit.id for hit in [*plain[4::-1], *plain[5:]]]
