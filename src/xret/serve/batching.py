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

    Under load the batches grow by themselves: while one is answered, the next one gathers. So the time of an answer
    stays below (waiting / batch_size + 2) batches, whatever comes.

    Args:
        answer: called with 1 to ``batch_size`` queries, from one thread.
        waiting: queries that wait at most.
        batch_size: queries handed over at once, at most.
        window_ms: how long the first query of a batch waits for others.
    """

    def __init__(self, answer: Answer, waiting: int = 64, batch_size: int = 32, window_ms: float = 0) -> None:
        self.answer = answer
        self.batch_size = batch_size
        self.window_s = window_ms / 1000
        self.answered = 0
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(waiting)
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="xret-batcher", daemon=True)
        self._thread.start()

    @property
    def full(self) -> bool:
        """No further query would be accepted."""
        return self._queue.full()

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
            if self._closed:
                raise Full
            self._queue.put_nowait(waiting)
        except queue.Full:
            raise Full from None
        return waiting.reply

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
        for waiting, hits in zip(batch, found, strict=True):
            more = {"wait": 1000 * (began - waiting.since), "total": 1000 * (done - waiting.since)}
            waiting.reply.set_result(Reply(hits, {**ms, **more}))
