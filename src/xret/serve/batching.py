"""Queries that wait are answered together: one thread, one call for all of them."""

import logging
import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

from xret.serve.engine import Ask, Hit

log = logging.getLogger(__name__)

Answer = Callable[[Sequence[Ask]], tuple[list[list[Hit]], Mapping[str, float]]]


class Full(RuntimeError):  # noqa: N818 - the client shall come again
    """As many wait as may wait."""


@dataclass(frozen=True)
class Reply:
    """The answers to one query and its milliseconds: those of its batch, and what it waited before."""

    hits: Sequence[Hit]
    ms: Mapping[str, float]


@dataclass(frozen=True)
class _Waiting:
    ask: Ask
    since: float = field(default_factory=time.perf_counter)
    reply: "Future[Reply]" = field(default_factory=Future)


class Batcher:
    """Hands waiting queries to an engine, as many at once as there are.

    Under load the batches grow by themselves: while one is answered, the next one gathers. A query is refused where
    too many wait, and where those that wait would take too long at the pace of the last batches: so an answer is soon
    there or refused at once, on a slow machine too.

    Args:
        answer: called with 1 to ``batch_size`` queries, from one thread.
        waiting: queries that wait at most.
        batch_size: queries handed over at once, at most.
        window_ms: how long the first query of a batch waits for others.
        wait_ms: how long a query may have to wait, as far as can be foreseen.
    """

    def __init__(
        self,
        answer: Answer,
        waiting: int = 64,
        batch_size: int = 32,
        window_ms: float = 0,
        wait_ms: float = 250,
    ) -> None:
        self.answer = answer
        self.batch_size = batch_size
        self.window_s = window_ms / 1000
        self.wait_s = wait_ms / 1000
        self.answered = 0
        self._pace_s = 0.0  # of one query, over the last batches
        self._running: tuple[int, float] = (0, 0.0)  # queries that are being answered, and since when
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(waiting)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="xret-batcher", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """No further query would be accepted."""
        return self._queue.full() or self._foreseen_s() > self.wait_s

    @property
    def waiting(self) -> int:
        """How many queries wait."""
        return self._queue.qsize()

    def submit(self, ask: Ask) -> "Future[Reply]":
        """Queue a query.

        Raises:
            Full: there is no room, or the batcher was closed.
        """
        waiting = _Waiting(ask)
        try:
            if self._closed or self._foreseen_s() > self.wait_s:
                raise Full
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise Full from None
        return waiting.reply

    def _foreseen_s(self) -> float:
        """Return how long a query would wait: for the rest of what is being answered, and for what waits."""
        if not (waiting := self._queue.qsize()):
            return 0.0  # it would be the next one: refused, nobody would learn that the pace is better now
        running, since = self._running
        rest = max(0.0, running * self._pace_s - (time.perf_counter() - since)) if running else 0.0
        return rest + waiting * self._pace_s

    def close(self) -> None:
        """Answer what waits, then end the thread."""
        self._closed = True
        self._queue.put(None)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _work(self) -> None:
        while (first := self._queue.get()) is not None:
            batch, last = self._gather(first)
            alive = [waiting for waiting in batch if waiting.reply.set_running_or_notify_cancel()]
            if alive:
                self._serve(alive)
            if last:
                return

    def _gather(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """Return a batch, and whether it is the last one."""
        batch, until = [first], first.since + self.window_s
        while len(batch) < self.batch_size:
            left = until - time.perf_counter()
            try:
                more = self._queue.get(timeout=left) if left > 0 else self._queue.get_nowait()
            except queue.Empty:
                break
            if more is None:
                return batch, True
            batch.append(more)
        return batch, False

    def _serve(self, batch: Sequence[_Waiting]) -> None:
        """Answer a batch; where that fails, each query by itself, so that one spoils no other."""
        began = time.perf_counter()
        self._running = (len(batch), began)
        try:
            found, ms = self.answer([waiting.ask for waiting in batch])
        except Exception as error:
            if len(batch) > 1:
                for waiting in batch:
                    self._serve([waiting])
            else:
                batch[0].reply.set_exception(error)
            return
        self.answered += len(batch)
        done = time.perf_counter()
        pace = (done - began) / len(batch)
        self._pace_s = pace if not self._pace_s else 0.8 * self._pace_s + 0.2 * pace
        self._running = (0, done)
        for waiting, hits in zip(batch, found, strict=True):
            more = {"wait": 1000 * (began - waiting.since), "total": 1000 * (done - waiting.since)}
            waiting.reply.set_result(Reply(hits, {**ms, **more}))
