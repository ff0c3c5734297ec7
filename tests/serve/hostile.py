"""Requests that nobody means well with: malformed, oversized, out of place."""

import json
import random
import socket
import struct
import zlib

PATHS = (
    "/",
    "/health",
    "/api/facts",
    "/api/search",
    "/api/search/image",
    "/api/explain",
    "/api/feedback",
    "/api/items/0/0/picture",
    "/api/items/0/99999999999999999999/picture",
    "/api/items/0/..%2f..%2f..%2fetc%2fpasswd/picture",
    "/../../../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/page.js/../../app.py",
    "//etc/passwd",
    "/static/..%5c..%5capp.py",
    "/api/search?query=" + "a" * 3000,
    "/%00",
    "/\x7f",
    "*",
    "http://evil.test/api/facts",
)
METHODS = ("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "TRACE", "CONNECT", "get", "G\x00T", "")
VALUES = (
    None,
    True,
    0,
    -1,
    10**30,
    1e308,
    "",
    " ",
    "\0",
    "\ud800",
    "a" * 5000,
    "../../etc/passwd",
    "{{7*7}}",
    "${jndi:ldap://x}",
    "' OR 1=1 --",
    [],
    {},
    [[]] * 50,
    {"a": {"b": []}},
    "\u202e\u0000\uffff",
    "red",
)
HEADERS = (
    ("Host", "evil.test"),
    ("Host", ""),
    ("Content-Length", "-1"),
    ("Content-Length", "99999999999999999999"),
    ("Content-Length", "abc"),
    ("Content-Length", "5"),
    ("Transfer-Encoding", "chunked"),
    ("Transfer-Encoding", "gzip, chunked"),
    ("Content-Type", "text/html"),
    ("Content-Type", "application/json; charset=utf-7"),
    ("Content-Type", "multipart/form-data"),
    ("Content-Type", "multipart/form-data; boundary=" + "x" * 300),
    ("Content-Encoding", "gzip"),
    ("Expect", "100-continue"),
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Origin", "http://evil.test"),
    ("Authorization", "Bearer \xff"),
    ("X-Forwarded-For", "127.0.0.1"),
    ("If-None-Match", '"\xe4'),
    ("Range", "bytes=0-99999999999"),
    ("Cookie", "a=" + "b" * 4000),
    ("X-" + "a" * 2000, "b"),
    ("bad name", "b"),
)


def bomb(width, height):
    """A PNG that is small and claims to be huge."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100_000))
        + chunk(b"IEND", b"")
    )


FILES = (
    b"",
    b"no picture",
    bomb(30_000, 30_000),
    bomb(2**31 - 1, 2**31 - 1),
    bomb(4_000, 4_000),
    b"GIF89a\xff\xff\xff\xff",
    b"\xff\xd8\xff\xe0" + b"\0" * 500,
    b"%!PS-Adobe-3.0 EPSF-3.0\n",
    b"<svg xmlns='http://www.w3.org/2000/svg'><image href='file:///etc/passwd'/></svg>",
    b"<!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><svg>&b;</svg>",
    b"RIFF\xff\xff\xff\xffWEBPVP8 ",
    b"II*\0\x08\0\0\0\xff\xff" + b"\xff" * 200,
    b"PK\x03\x04" + b"\0" * 100,
    b"#!/bin/sh\ntouch /tmp/owned\n",
)
NAMES = ("picture", "", "../../../tmp/a.png", "/etc/passwd", "a\0b", "k", "filter", 'a"; x="b')


def request(dice):
    """Return the bytes of one request, made by a `random.Random`, and whether it is whole, so that an answer comes."""
    kind = dice.randrange(6)
    return _request(dice, kind), kind == 5


def _request(dice, kind):
    if kind == 0:
        return dice.randbytes(dice.randrange(1, 400))
    if kind == 1:
        return _plain(dice, dice.choice(METHODS), dice.choice(PATHS), dice.randbytes(dice.randrange(60)))
    if kind == 2:
        return _plain(dice, "POST", "/api/search/image", *_form(dice))
    path = dice.choice(("/api/search", "/api/explain", "/api/feedback"))
    if kind == 3:
        text = json.dumps({"query": "red", "item": 0, "verdict": "right"}).encode()
        where = dice.randrange(len(text))
        return _plain(dice, "POST", path, text[:where] + dice.randbytes(dice.randrange(4)) + text[where + 1 :])
    names = ("query", "k", "filter", "index", "item", "verdict", "\ud800", "__proto__")
    body = {name: dice.choice(VALUES) for name in dice.sample(names, dice.randrange(len(names)))}
    if kind == 5:
        body["query"] = "red"
    return _plain(dice, "POST", path, json.dumps(body).encode(), calm=kind == 5)


def _plain(dice, method, path, body, kind="application/json", calm=False):
    headers = {"Host": "localhost", "Content-Type": kind, "Content-Length": str(len(body)), "Connection": "close"}
    for name, value in dice.sample(HEADERS, 0 if calm else dice.choice((0, 0, 1, 1, 3))):
        headers[name] = value
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode("latin-1", errors="replace") + b"\r\n\r\n" + body


def _form(dice):
    mark = dice.choice(("x", "-", "a" * 70))
    parts = []
    for _ in range(dice.randrange(5)):
        name, file = dice.choice(NAMES), dice.choice(FILES)
        value = file if name == "picture" or dice.random() < 0.3 else json.dumps(dice.choice(VALUES)).encode()
        head = f'Content-Disposition: form-data; name="{name}"; filename="{dice.choice(NAMES)}"'
        parts.append(f"--{mark}\r\n{head}\r\n\r\n".encode() + value + b"\r\n")
    end = dice.choice((f"--{mark}--\r\n", "", f"--{mark}")).encode()
    return b"".join(parts) + end, f"multipart/form-data; boundary={mark}"


def status(port, sent, seconds):
    """Send bytes; return the status of the answer, or 0 where none came in time."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        try:
            connection.sendall(sent)
            connection.settimeout(seconds)
            first = connection.recv(65536)
        except (ConnectionError, TimeoutError):
            return 0
    return int(first.split(b" ", 2)[1]) if first.startswith(b"HTTP/1.1 ") else 0


def statuses(port, count, seed):
    """Send many requests; return status -> how often, and the requests that were answered by 500 or the like."""
    dice = random.Random(seed)
    seen, bad = {}, []
    for _ in range(count):
        sent, answered = request(dice)
        code = status(port, sent, 30 if answered else 0.15)
        seen[code] = seen.get(code, 0) + 1
        if code >= 500 and code != 503:
            bad.append(sent)
    return seen, bad
