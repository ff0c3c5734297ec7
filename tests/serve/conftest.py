"""A server over plain colours: an engine without a model, whose right answers can be told by eye."""

import contextlib
import http.client
import io
import json
import threading
import time

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image, ImageColor

from xret.data.reading import BrokenMedia, decode_image
from xret.serve.app import make_app
from xret.serve.engine import About, Explained, Hit, Refused
from xret.serve.feedback import Feedback
from xret.serve.listening import bind, listen
from xret.serve.settings import Settings

COLOURS = ("red", "green", "blue", "yellow", "purple", "orange", "black", "grey", "pink", "brown", "white", "navy")
WARM = {"red", "yellow", "orange", "pink", "brown"}


def painted(colour, size=(24, 24)):
    out = io.BytesIO()
    Image.new("RGB", size, colour).save(out, "PNG")
    return out.getvalue()


class Colours:
    """Items are colours; a text is near those it names, a picture near those it looks like."""

    def __init__(self, name="colours", delay_s=0.0, backwards=False):
        warmth = {"warmth": ["cold", "warm"]}
        self.about = About(name, len(COLOURS), "image", "paint", ("text", "image"), warmth, True, "1")
        self.delay_s = delay_s
        self.backwards = backwards
        self.batches = []
        self.go = threading.Event()
        self.go.set()

    def check(self, where):
        for name, values in where.items():
            if name != "warmth" or not set(values) & {"warm", "cold"}:
                raise Refused(f"no item has {name}={values}")

    def answer(self, asks):
        self.go.wait(30)
        time.sleep(self.delay_s)
        self.batches.append(len(asks))
        return [self._one(ask) for ask in asks], {"encode": 1.0, "search": 0.5, "rerank": 0.0}

    def _one(self, ask):
        if isinstance(ask.value, str) and ask.value == "explode":
            raise RuntimeError("a fault of the engine")
        if isinstance(ask.value, str):
            scores = np.array([float(colour in ask.value) for colour in COLOURS]) - np.arange(len(COLOURS)) / 100
        else:
            seen = ask.value.reshape(3, -1).mean(axis=1)
            away = [np.linalg.norm(seen - ImageColor.getrgb(colour)) for colour in COLOURS]
            scores = 1 - np.array(away) / 500
        scores = -scores if self.backwards else scores
        order = [
            i for i in np.argsort(-scores) if not ask.where or (COLOURS[i] in WARM) == ("warm" in ask.where["warmth"])
        ]
        return [Hit(COLOURS[i], float(scores[i]), f"a {COLOURS[i]} square", int(i), True) for i in order[: ask.k]]

    def read(self, data, max_pixels):
        try:
            return decode_image(data, 24, "squash", max_pixels)
        except BrokenMedia as error:
            raise Refused(error.reason) from error

    def picture(self, position, longest_px):
        if COLOURS[position] == "navy":
            raise Refused("the picture cannot be read")
        return painted(COLOURS[position], (longest_px, longest_px))

    def explain(self, text, position):
        self.go.wait(30)
        return Explained(
            painted("orange", (64, 64)), [(word, 0.3 if word in COLOURS else -0.1) for word in text.split()], 0.5
        )

    def pair(self, text, position):
        return {"image": f"/paint/{COLOURS[position]}.png", "text": text, "group": COLOURS[position], "query": text}


@pytest.fixture
def png():
    """Paint a PNG of one colour and a size."""
    return painted


@pytest.fixture
def colours():
    """The class of engines over colours."""
    return Colours


@pytest.fixture
def engine():
    return Colours()


@pytest.fixture
def client(engine, tmp_path):
    """A client of the application, without a socket; answers of 500 are raised as what caused them."""
    with TestClient(
        make_app([engine], Settings(), Feedback(tmp_path / "told.jsonl")), base_url="http://localhost"
    ) as c:
        yield c


@pytest.fixture
def asking():
    """Open a client of an application with other engines or bounds."""
    with contextlib.ExitStack() as opened:

        def make(engines, feedback=None, raises=True, **bounds):
            app = make_app(engines, Settings(**bounds), feedback)
            client = TestClient(app, base_url="http://localhost", raise_server_exceptions=raises)
            return opened.enter_context(client)

        yield make


@pytest.fixture
def listening():
    """Run servers on sockets of their own; each gives its port."""
    with contextlib.ExitStack() as opened:

        def make(engines, feedback=None, **bounds):
            return opened.enter_context(running(make_app(engines, Settings(**bounds), feedback), Settings(**bounds)))

        yield make


@contextlib.contextmanager
def running(app, settings):
    """Serve in a thread; give the port."""
    import uvicorn

    servers = []

    class Kept(uvicorn.Server):
        def __init__(self, config):
            super().__init__(config)
            servers.append(self)

    bound = bind("127.0.0.1", 0)
    port = bound.getsockname()[1]
    patch = pytest.MonkeyPatch()
    patch.setattr("uvicorn.Server", Kept)
    thread = threading.Thread(target=listen, args=(app, bound, settings))
    thread.start()
    end = time.monotonic() + 30
    while not (servers and servers[0].started):
        assert time.monotonic() < end
        time.sleep(0.01)
    patch.undo()
    try:
        yield port
    finally:
        servers[0].should_exit = True
        thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def ask():
    """Post JSON over a socket; returns status and body."""
    return posted


def posted(port, body, path="/api/search", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **headers})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()
