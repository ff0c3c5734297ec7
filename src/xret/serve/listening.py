"""The application behind a socket: bounded connections, patience with an end, and a stop that lets answers finish."""

import asyncio
import signal
import socket
import struct
import threading
from types import FrameType
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from xret.serve.gate import App
from xret.serve.settings import Settings

_IDLE_S = 20  # between two requests on one connection
_AT_ONCE = struct.pack("ii", 1, 0)  # a closed connection is reset, whatever is still to be sent
_SENT = 262_144  # bytes the system keeps for a client that does not read; it would keep megabytes


class Patient(H11Protocol):
    """HTTP/1.1 that waits for a request line and headers, and for a reader, only so long.

    uvicorn waits for ever for the first headers of a connection, and for a client that reads nothing.
    """

    patience_s: float = 10

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to wait for headers."""
        super().connection_made(transport)
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SENT)
        self._unread: asyncio.TimerHandle | None = None
        self._late: asyncio.TimerHandle | None = self._abort_later()

    def data_received(self, data: bytes) -> None:
        """Wait for the rest of headers, or of a body that was answered already; a first byte starts the clock."""
        super().data_received(data)
        headers = self.conn.their_state is h11.IDLE and bool(self.conn.trailing_data[0])
        body = self.conn.their_state is h11.SEND_BODY and self.conn.our_state is h11.DONE
        if not headers and not body:
            self._stop("_late")
        elif self._late is None:
            self._late = self._abort_later()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop waiting."""
        self._stop("_late", "_unread")
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Begin to wait for a client that does not read."""
        super().pause_writing()  # type: ignore[no-untyped-call, unused-ignore]
        self._unread = self._unread or self._abort_later()

    def resume_writing(self) -> None:
        """Stop waiting for it."""
        super().resume_writing()  # type: ignore[no-untyped-call, unused-ignore]
        self._stop("_unread")

    def _abort_later(self) -> asyncio.TimerHandle:
        return self.loop.call_later(self.patience_s, self._abort)

    def _abort(self) -> None:
        """Drop the client, and what the system still keeps for it."""
        own = self.transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self.transport.abort()

    def _stop(self, *timers: str) -> None:
        for name in timers:
            if (timer := getattr(self, name)) is not None:
                timer.cancel()
                setattr(self, name, None)


def listen(app: App, bound: socket.socket, settings: Settings) -> None:
    """Serve until SIGTERM or Ctrl-C; answers that are on their way are finished.

    Args:
        app: what `make_app` gave.
        bound: a socket with its address; it is closed in the end.
        settings: the bounds.

    Raises:
        KeyboardInterrupt: it was Ctrl-C that ended it.
    """
    protocol: type[Any] = type("Protocol", (Patient,), {"patience_s": settings.read_s})
    config = uvicorn.Config(
        app,
        http=protocol,
        ws="none",
        loop="asyncio",
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=settings.connections,
        backlog=max(128, settings.connections),
        timeout_keep_alive=_IDLE_S,
        timeout_graceful_shutdown=int(settings.stop_s),
    )
    server = uvicorn.Server(config)

    def ended(number: int, frame: FrameType | None) -> None:
        """Take the signal that uvicorn raises again when it has stopped, so that the process ends with 0."""

    main = threading.current_thread() is threading.main_thread()
    before = signal.signal(signal.SIGTERM, ended) if main else None
    try:
        with bound:
            server.run(sockets=[bound])
    finally:
        if main:
            signal.signal(signal.SIGTERM, before)


def bind(host: str, port: int) -> socket.socket:
    """Return a socket with an address; port 0: any that is free.

    Raises:
        OSError: the address is taken or not ours.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    family, kind, protocol, _, address = found
    bound = socket.socket(family, kind, protocol)  # asyncio sends without delay only where the protocol is named
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound
