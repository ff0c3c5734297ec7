"""What every request passes before anything is done for it."""

import asyncio
import hmac
import ipaddress
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse

from xret.serve.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOAD = "/api/search/image"
MAX_JSON = 65_536  # bytes
_FRAME = 65_536  # bytes of a multipart body around the picture
_CLIENTS = 10_000  # whose rates are remembered

SAFE = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Gate:
    """Refuses what is not for us, not allowed, too much, too large or too slow; adds headers to what goes out.

    Args:
        app: what stands behind it.
        settings: the bounds.
        busy: path -> no further request can be taken; asked before a body is read.
        clock: seconds.
    """

    def __init__(
        self,
        app: App,
        settings: Settings,
        busy: Callable[[str], bool],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app = app
        self.settings = settings
        self.busy = busy
        self.rates = Rates(settings.rate_per_s, settings.burst, clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it at once."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        bounded = _within(send, 2 * self.settings.read_s)  # `listening` cuts such a client off before

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SAFE.items():
                    headers.setdefault(name, value)
            await bounded(message)

        headers = Headers(scope=scope)
        refusal = self._refusal(scope, headers)
        if refusal is not None:
            await refusal(scope, receive, with_headers)
            return
        limit = self._limit(scope["path"])
        await self.app(scope, _bounded(receive, limit, self.settings.read_s), with_headers)

    def _refusal(self, scope: Scope, headers: Headers) -> JSONResponse | None:
        path, posts = scope["path"], scope["method"] not in {"GET", "HEAD", "OPTIONS"}
        if not self._is_for_us(headers.getlist("host")):
            return _refuse(400, "the Host header names another server; see hosts=")
        if posts and not _is_same_origin(headers):
            return _refuse(403, "this server answers only its own page and programs")
        if self._is_guarded(path) and not self._is_allowed(headers.getlist("authorization")):
            return _refuse(401, "a token is needed: Authorization: Bearer ...", {"WWW-Authenticate": "Bearer"})
        if not posts:
            return None
        client = (scope.get("client") or ("",))[0]
        if (wait := self.rates.take(client)) > 0:
            return _refuse(429, "too many requests from one client", {"Retry-After": str(max(1, round(wait)))})
        if self.busy(path):
            return _refuse(503, "busy: as many queries wait as may wait", {"Retry-After": "1"})
        length = headers.get("content-length", "0")
        if not length.isdecimal() or int(length[:20]) > self._limit(path):
            return _refuse(413, f"a request may have {self._limit(path):,} bytes", {"Connection": "close"})
        return None

    def _limit(self, path: str) -> int:
        return self.settings.max_upload + _FRAME if path == UPLOAD else MAX_JSON

    def _is_for_us(self, hosts: list[str]) -> bool:
        """Tell whether a request was meant for this server: a name that somebody else can point here does not count."""
        if len(hosts) != 1:
            return False
        name = hosts[0].lower()
        name = name[1:].rpartition("]")[0] if name.startswith("[") else name.partition(":")[0]
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name == "localhost" or name in self.settings.hosts
        return True

    def _is_guarded(self, path: str) -> bool:
        return self.settings.token is not None and (path.startswith("/api/") or path == "/openapi.json")

    def _is_allowed(self, given: list[str]) -> bool:
        assert self.settings.token is not None
        kind, _, token = (given[0] if len(given) == 1 else "").partition(" ")
        same = hmac.compare_digest(token.strip().encode(), self.settings.token.encode())
        return same and kind.lower() == "bearer"


class Rates:
    """A bucket for each client: it holds ``burst`` requests and fills by ``per_s`` of them each second.

    Args:
        per_s: 0: no bound.
        burst: see above.
        clock: seconds.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.per_s = per_s
        self.burst = burst
        self.clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # client -> requests, at a time

    def take(self, client: str) -> float:
        """Take one request of a client and return 0, or the seconds until there is one again."""
        if not self.per_s:
            return 0.0
        now = self.clock()
        left, at = self._left.pop(client, (float(self.burst), now))
        left = min(self.burst, left + (now - at) * self.per_s)
        self._left[client] = (left - 1 if left >= 1 else left, now)
        if len(self._left) > _CLIENTS:
            self._left.popitem(last=False)
        return 0.0 if left >= 1 else (1 - left) / self.per_s


def _is_same_origin(headers: Headers) -> bool:
    """Tell whether a request comes from our own page or from no page at all."""
    if headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2].lower() == headers["host"].lower()


def _refuse(status: int, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    return JSONResponse({"detail": detail}, status, headers)


def _bounded(receive: Receive, limit: int, seconds: float) -> Receive:
    """Return a ``receive`` that counts bytes, whatever Content-Length said, and does not wait for ever."""
    until = asyncio.get_running_loop().time() + seconds
    seen = 0
    whole = False

    async def counted() -> Message:
        nonlocal seen, whole
        if whole:  # what comes now is only that the client has gone
            return await receive()
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise HTTPException(408, "the request came too slowly", {"Connection": "close"}) from None
        seen += len(message.get("body", b""))
        if seen > limit:
            raise HTTPException(413, f"a request may have {limit:,} bytes", {"Connection": "close"})
        whole = not message.get("more_body", False)
        return message

    return counted


def _within(send: Send, seconds: float) -> Send:
    """Return a ``send`` that gives up on a client that does not read."""

    async def sent(message: Message) -> None:
        async with asyncio.timeout(seconds):
            await send(message)

    return sent
