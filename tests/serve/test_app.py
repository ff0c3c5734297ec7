"""What each address takes and gives."""

import base64
import io
import json
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import replace

import pytest
from PIL import Image

from xret.serve.app import make_app
from xret.serve.feedback import Feedback


def test_a_text_finds_its_items_with_scores_and_times(client):
    answer = client.post("/api/search", json={"query": " a red thing ", "k": 3}).json()
    assert answer["query"] == "a red thing"
    assert [result["id"] for result in answer["results"]] == ["red", "green", "blue"]
    assert answer["results"][0] == {
        "id": "red",
        "score": 1.0,
        "text": "a red square",
        "item": 0,
        "picture": "/api/items/0/0/picture",
    }
    assert set(answer["ms"]) == {"wait", "encode", "search", "rerank", "total"}


def test_a_filter_is_one_value_or_several(client):
    def found(chosen):
        answer = client.post("/api/search", json={"query": "red", "k": 100, "filter": {"warmth": chosen}})
        return {result["id"] for result in answer.json()["results"]}

    assert found("warm") == found(["warm"]) == {"red", "yellow", "orange", "pink", "brown"}
    assert client.post("/api/search", json={"query": "red", "filter": {"wamth": "warm"}}).status_code == 422


def test_a_picture_finds_what_looks_like_it(client, png):
    body = {"k": "2", "filter": json.dumps({"warmth": "cold"})}
    answer = client.post("/api/search/image", files={"picture": ("x.txt", png("blue"))}, data=body)
    assert [result["id"] for result in answer.json()["results"]] == ["blue", "navy"]


@pytest.mark.parametrize(
    "content", [b"", b"no picture", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"\x89PNG\r\n\x1a\n", b"GIF89a"]
)
def test_what_is_no_picture_is_refused_whatever_its_name(client, content):
    answer = client.post("/api/search/image", files={"picture": ("cat.png", content, "image/png")})
    assert answer.status_code == 422


def test_a_picture_of_too_many_pixels_is_refused(asking, engine, png):
    client = asking([engine], max_pixels=100)
    answer = client.post("/api/search/image", files={"picture": png("red", (11, 11))})
    assert (answer.status_code, answer.json()) == (422, {"detail": "too_large"})


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": "   "},
        {"query": "a\0b"},
        {"query": "a" * 1001},
        {"query": 7},
        {"query": "a", "k": 0},
        {"query": "a", "k": 101},
        {"query": "a", "k": "3"},
        {"query": "a", "index": "none"},
        {"query": "a", "filter": {"warmth": 3}},
        {"query": "a", "more": 1},
        [],
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(client, body):
    answer = client.post("/api/search", json=body)
    assert answer.status_code == 422
    assert isinstance(answer.json()["detail"], str)


@pytest.mark.parametrize(
    "body", [b'{"query": "\\ud800"}', b"\xff", b'{"k": ' + b"9" * 5000 + b"}", b"[" * 60_000, b'{"query": NaN}', b""]
)
def test_what_is_no_text_is_refused_too(client, body):
    answer = client.post("/api/search", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {400, 422}


def test_the_picture_of_an_item_is_small_and_asked_for_once(client):
    answer = client.get("/api/items/0/2/picture")
    picture = Image.open(io.BytesIO(answer.content))
    assert (picture.format, picture.size, picture.getpixel((0, 0))) == ("PNG", (256, 256), (0, 0, 255))
    assert answer.headers["content-type"] == "image/png"
    again = client.get("/api/items/0/2/picture", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get("/api/items/0/3/picture").headers["etag"] != answer.headers["etag"]


@pytest.mark.parametrize("place", ["0/12", "0/-1", "1/0", "-1/0", "0/11"])
def test_there_are_no_pictures_but_those_of_items(client, place):
    assert client.get(f"/api/items/{place}/picture").status_code == 404


@pytest.mark.parametrize("place", ["0/..%2f..%2fetc%2fpasswd", "0/a.png", "../../../etc/passwd", "0/%00"])
def test_a_path_is_no_item(client, place):
    assert client.get(f"/api/items/{place}/picture").status_code in {404, 422}
    assert client.get(f"/{place}").status_code == 404


def test_why_gives_a_picture_and_the_weights_of_the_words(client):
    answer = client.post("/api/explain", json={"query": "red thing", "item": 0}).json()
    assert base64.b64decode(answer["picture"].removeprefix("data:image/png;base64,")).startswith(b"\x89PNG")
    assert answer["words"] == [{"word": "red", "weight": 0.3}, {"word": "thing", "weight": -0.1}]
    assert client.post("/api/explain", json={"query": "red", "item": 12}).status_code == 404


def test_only_few_explanations_wait(asking, engine):
    engine.go.clear()
    client = asking([engine])
    with ThreadPoolExecutor(6) as pool:
        answers = [pool.submit(client.post, "/api/explain", json={"query": "red", "item": 0}) for _ in range(6)]
        refused = [answer.result(30) for _, answer in zip(range(2), as_completed(answers, 30), strict=False)]
        engine.go.set()
    assert [answer.status_code for answer in refused] == [503, 503]
    assert sorted(answer.result().status_code for answer in answers) == [200] * 4 + [503] * 2


def test_a_verdict_is_kept_as_a_pair(client, tmp_path):
    body = {"query": "something red", "item": 0, "verdict": "right"}
    name = client.post("/api/feedback", json=body).json()["id"]
    kept = json.loads((tmp_path / "told.jsonl").read_text())
    assert kept.pop("time")
    expected = {"image": "/paint/red.png", "text": "something red", "group": "red", "query": "something red"}
    assert kept == {"id": name, **expected, "weight": 1.0, "verdict": "right"}
    assert client.post("/api/feedback", json={**body, "verdict": "maybe"}).status_code == 422


def test_without_a_file_verdicts_are_refused_and_the_page_is_told(asking, engine):
    client = asking([engine])
    assert client.get("/api/facts").json()["feedback"] is False
    assert client.post("/api/feedback", json={"query": "a", "item": 0, "verdict": "right"}).status_code == 422


def test_a_full_file_is_said_and_nothing_else_breaks(asking, engine, tmp_path):
    client = asking([engine], Feedback(tmp_path / "told.jsonl", max_mb=0.0001))
    assert client.post("/api/feedback", json={"query": "a", "item": 0, "verdict": "right"}).status_code == 507
    assert client.post("/api/search", json={"query": "red"}).status_code == 200


def test_two_indices_answer_under_their_names(asking, colours):
    client = asking([colours("one"), colours("two", backwards=True)])
    first = {
        i: client.post("/api/search", json={"query": "red", "index": i}).json()["results"][0]
        for i in ("", "one", "two")
    }
    assert first[""] == first["one"]
    assert (first["two"]["id"], first["two"]["picture"]) == ("navy", "/api/items/1/11/picture")
    assert [index["name"] for index in client.get("/api/facts").json()["indices"]] == ["one", "two"]


def test_an_engine_that_lacks_what_is_asked_says_what_it_has(asking, engine, png):
    engine.about = replace(engine.about, queries=("text",), explains=False)
    client = asking([engine])
    answer = client.post("/api/search/image", files={"picture": png("red")})
    assert (answer.status_code, answer.json()["detail"]) == (422, "this index is asked with text")
    assert client.post("/api/explain", json={"query": "red", "item": 0}).status_code == 422


def test_a_fault_of_the_engine_costs_one_answer(asking, engine):
    client = asking([engine], raises=False)
    assert client.post("/api/search", json={"query": "explode"}).status_code == 500
    assert client.post("/api/search", json={"query": "red"}).status_code == 200


def test_the_contract_describes_every_address(client):
    paths = client.get("/openapi.json").json()["paths"]
    assert set(paths) == {
        "/health",
        "/api/facts",
        "/api/search",
        "/api/search/image",
        "/api/items/{number}/{position}/picture",
        "/api/explain",
        "/api/feedback",
    }


def test_health_counts_what_was_answered(client):
    client.post("/api/search", json={"query": "red"})
    assert client.get("/health").json() == {"status": "ok", "waiting": 0, "answered": 1}


def test_the_page_loads_nothing_from_elsewhere(client):
    for path in ("/", "/page.css", "/page.js"):
        text = client.get(path).text
        assert "http" not in text.replace("http://www.w3.org/2000/svg", "")


def test_needs_an_index_and_names_that_differ(colours):
    with pytest.raises(ValueError, match="at least one"):
        make_app([])
    with pytest.raises(ValueError, match="differ"):
        make_app([colours(), colours()])
