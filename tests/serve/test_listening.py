"""On a socket: slow and rude clients cost nothing but their own connection, and a stop lets answers finish."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from xret.serve.listening import Patient, bind

HEAD = b"POST /api/search HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def closed(connection, seconds=10):
    """What the server sends until it closes."""
    connection.settimeout(seconds)
    received = b""
    try:
        while more := connection.recv(65536):
            received += more
    except ConnectionResetError:
        pass
    return received


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD], ids=["nothing", "half a line", "half the headers"])
def test_a_client_that_does_not_finish_its_headers_is_dropped(listening, engine, ask, sent):
    port = listening([engine], read_s=0.3)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(sent)
        assert closed(slow) == b""
    assert ask(port, {"query": "red"})[0] == 200


def test_an_answer_is_sent_without_delay(listening, engine, ask, monkeypatch):
    seen, whole = [], Patient.connection_made

    def connection_made(self, transport):
        own = transport.get_extra_info("socket")
        seen.append(own.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        whole(self, transport)

    monkeypatch.setattr(Patient, "connection_made", connection_made)
    assert ask(listening([engine]), {"query": "red"})[0] == 200
    assert seen
    assert all(seen)  # else the body waits for the client to confirm the headers: 40 ms


def dropped(connection, piece, seconds=30, pause_s=0.05):
    """Send a piece again and again; tell whether the server ended it."""
    end = time.monotonic() + seconds
    try:
        while time.monotonic() < end:
            connection.sendall(piece)
            time.sleep(pause_s)
    except OSError:  # reset, or a broken pipe
        return True
    return False


def test_headers_in_drops_do_not_hold_a_connection_open(listening, engine):
    port = listening([engine], read_s=0.5)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        assert dropped(slow, b"a")


def test_a_body_that_does_not_come_is_given_up(listening, engine):
    port = listening([engine], read_s=0.3)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(HEAD + b"Content-Length: 20\r\n\r\n{")
        assert closed(slow).startswith(b"HTTP/1.1 408")


def test_the_rest_of_a_refused_body_is_not_waited_for(listening, engine):
    port = listening([engine], read_s=0.3)
    with socket.create_connection(("127.0.0.1", port)) as slow:
        slow.sendall(b"POST /api/search HTTP/1.1\r\nHost: evil.test\r\nContent-Length: 1000\r\n\r\n")
        assert dropped(slow, b"a")


def test_a_client_that_does_not_read_is_dropped(listening, engine, ask):
    port = listening([engine], read_s=0.5)
    with socket.create_connection(("127.0.0.1", port)) as rude:
        rude.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        assert dropped(rude, b"GET /page.js HTTP/1.1\r\nHost: localhost\r\n\r\n", pause_s=0.002)
    assert ask(port, {"query": "red"})[0] == 200


def test_a_large_upload_is_cut_off(listening, engine, ask):
    port = listening([engine], max_upload_mb=0.1)
    sent = 0
    with socket.create_connection(("127.0.0.1", port)) as large:
        head = b"POST /api/search/image HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
        large.sendall(head + b"Content-Type: multipart/form-data; boundary=x\r\n\r\n")
        large.sendall(
            b'4f\r\n--x\r\nContent-Disposition: form-data; name="picture"; filename="a"\r\n\r\n0123456789\r\n'
        )
        try:
            for _ in range(1000):
                large.sendall(b"10000\r\n" + b"a" * 65536 + b"\r\n")
                sent += 65536
        except OSError:
            pass
    assert sent < 20_000_000
    assert ask(port, {"query": "red"})[0] == 200


def test_one_connection_too_many_is_refused(listening, engine):
    port = listening([engine], connections=3)
    others = [socket.create_connection(("127.0.0.1", port)) for _ in range(3)]
    for other in others:
        other.sendall(b"GET / HT")
    time.sleep(0.2)
    with socket.create_connection(("127.0.0.1", port)) as late:
        late.sendall(b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        assert closed(late).startswith(b"HTTP/1.1 503")
    for other in others:
        other.close()


SERVER = """
import sys, time
from xret.serve.app import make_app
from xret.serve.engine import About, Hit
from xret.serve.listening import bind, listen
from xret.serve.settings import Settings

class Slow:
    about = About("slow", 1, "image", "none", ("text",), {}, False, "1")
    def check(self, where): ...
    def answer(self, asks):
        print("asked", flush=True)
        time.sleep(0.5)
        return [[Hit("a", 1.0, "a", 0, False)] for _ in asks], {"encode": 1, "search": 1, "rerank": 0}

bound = bind("127.0.0.1", 0)
bound.listen()
print(bound.getsockname()[1], flush=True)
try:
    listen(make_app([Slow()]), bound, Settings())
except KeyboardInterrupt:
    sys.exit(130)
"""


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_a_signal_ends_it_after_the_answers_that_are_on_their_way(ask, number, code):
    process = subprocess.Popen([sys.executable, "-c", SERVER], stdout=subprocess.PIPE, text=True, env=dict(os.environ))
    try:
        port = int(process.stdout.readline())
        got = []
        thread = threading.Thread(target=lambda: got.append(ask(port, {"query": "a"})))
        thread.start()
        assert process.stdout.readline() == "asked\n"
        process.send_signal(number)
        assert process.wait(30) == code
        thread.join(30)
        assert got[0][0] == 200
    finally:
        process.kill()
        process.communicate()


def test_a_taken_port_is_an_error_at_once():
    with bind("127.0.0.1", 0) as first:
        first.listen()
        with pytest.raises(OSError, match="in use"):
            bind("127.0.0.1", first.getsockname()[1])
