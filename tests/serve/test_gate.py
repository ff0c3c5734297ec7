"""What is refused before anything is done: strangers, pages of others, the unnamed, too much, too large, too slow."""

import asyncio
from concurrent.futures import ThreadPoolExecutor, as_completed

import pytest
from fastapi import HTTPException

from xret.serve.gate import MAX_JSON, SAFE, Gate, Rates
from xret.serve.settings import Settings

BODY = {"query": "red"}


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "10.1.2.3", "shop.test"]
)
def test_answers_under_its_own_names_and_addresses(asking, engine, host):
    assert asking([engine], hosts=("shop.test",)).get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.test", "localhost.evil.test", "127.0.0.1.evil.test", "", "[::1", "shop.test"])
def test_a_name_that_somebody_points_here_is_refused(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 400


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.test"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_page_of_another_cannot_ask(client, headers):
    assert client.post("/api/search", json=BODY, headers=headers).status_code == 403


def test_our_own_page_can(client):
    headers = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/search", json=BODY, headers=headers).status_code == 200


def test_only_json_is_read_as_json(client):
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        answer = client.post("/api/search", content=b'{"query": "red"}', headers={"Content-Type": kind})
        assert answer.status_code in {415, 422}


def test_no_other_site_may_read_answers(client):
    answer = client.get("/api/facts", headers={"Origin": "http://evil.test"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize(
    "given",
    [None, "Bearer wrong-token", "Basic right-token", "right-token", "Bearer ", "Bearer right-tokenx", "Bearer r\xe4t"],
)
def test_without_the_token_there_is_no_answer(asking, engine, given):
    client = asking([engine], token="right-token")
    headers = {} if given is None else {"Authorization": given.encode("latin-1")}
    for path in ("/api/facts", "/api/items/0/0/picture", "/openapi.json"):
        assert client.get(path, headers=headers).status_code == 401
    assert client.post("/api/search", json=BODY, headers=headers).status_code == 401


def test_with_the_token_there_is(asking, engine):
    client = asking([engine], token="right-token")
    assert client.post("/api/search", json=BODY, headers={"Authorization": "Bearer right-token"}).status_code == 200
    assert client.get("/").status_code == 200
    assert client.get("/health").status_code == 200


def test_everything_carries_the_headers_that_keep_a_page_safe(client):
    for answer in (
        client.get("/"),
        client.get("/api/facts"),
        client.get("/none"),
        client.get("/health", headers={"Host": "evil.test"}),
    ):
        assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    assert "unsafe" not in SAFE["Content-Security-Policy"]


def test_a_client_that_asks_too_often_is_told_to_wait(asking, engine):
    client = asking([engine], rate_per_s=0.001, burst=3)
    answers = [client.post("/api/search", json=BODY) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert int(answers[-1].headers["retry-after"]) >= 1
    assert client.get("/health").status_code == 200


def test_a_bucket_fills_with_time_and_each_client_has_its_own():
    now = [0.0]
    rates = Rates(2, 2, lambda: now[0])
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0.5]
    assert rates.take("b") == 0
    now[0] = 0.5
    assert [rates.take("a"), rates.take("a")] == [0, 0.5]
    now[0] = 100
    assert [rates.take("a") for _ in range(3)] == [0, 0, 0.5]


def test_what_claims_to_be_too_large_is_not_read(client):
    assert client.post("/api/search", json={"query": "a" * MAX_JSON}).status_code == 413


def through_gate(messages, seconds=10.0, headers=()):
    """What an application behind the gate reads of a body that comes in these pieces."""
    read = []

    async def app(scope, receive, send):
        more = True
        while more:
            message = await receive()
            read.append(message["body"])
            more = message["more_body"]

    async def receive():
        if not messages:
            await asyncio.sleep(60)
        return {"type": "http.request", "body": messages.pop(0), "more_body": True}

    async def send(message):
        raise AssertionError

    scope = {"type": "http", "method": "POST", "path": "/api/search", "headers": [(b"host", b"localhost"), *headers]}
    gate = Gate(app, Settings(read_s=seconds), lambda path: False)
    try:
        asyncio.run(gate(scope, receive, send))
    except HTTPException as error:
        return error.status_code, read
    return None, read


def test_what_is_larger_than_it_claims_is_read_up_to_the_bound():
    status, read = through_gate([b"a" * 40_000] * 1000, headers=[(b"content-length", b"10")])
    assert status == 413
    assert len(read) == 1


def test_what_comes_too_slowly_is_given_up():
    status, read = through_gate([b"a"], seconds=0.05)
    assert status == 408
    assert read == [b"a"]


def test_a_server_that_is_busy_says_so_before_it_reads(asking, engine):
    engine.go.clear()
    client = asking([engine], waiting=1, rate_per_s=0)
    with ThreadPoolExecutor(8) as pool:
        answers = [pool.submit(client.post, "/api/search", json=BODY) for _ in range(8)]
        refused = [answer.result(30) for _, answer in zip(range(6), as_completed(answers, 30), strict=False)]
        engine.go.set()
        accepted = [answer.result(30) for answer in answers if answer.result(30) not in refused]
    assert [answer.status_code for answer in refused] == [503] * 6  # while one is answered and one waits
    assert all(answer.headers["retry-after"] == "1" for answer in refused)
    assert [answer.json()["results"][0]["id"] for answer in accepted] == ["red", "red"]
