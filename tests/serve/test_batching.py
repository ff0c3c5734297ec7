"""Waiting queries are answered together, none is lost, and never more wait than may."""

import threading
from concurrent.futures import wait

import pytest

from xret.serve.batching import Batcher, Full
from xret.serve.engine import Ask


class Echo:
    """Answers each query with itself; holds the first batch until told to go on."""

    def __init__(self):
        self.batches, self.began, self.go = [], threading.Event(), threading.Event()

    def __call__(self, asks):
        self.batches.append([ask.value for ask in asks])
        self.began.set()
        assert self.go.wait(30)
        if "bad" in self.batches[-1]:
            raise RuntimeError("bad")
        return [[ask.value] for ask in asks], {"encode": 1.0}


@pytest.fixture
def echo():
    return Echo()


def held(echo, **bounds):
    """A batcher whose thread is busy with one query."""
    batcher = Batcher(echo, **bounds)
    first = batcher.submit(Ask("first"))
    assert echo.began.wait(30)
    return batcher, first


def test_what_waits_meanwhile_is_answered_at_once_and_each_gets_its_own_answer(echo):
    batcher, first = held(echo)
    replies = [batcher.submit(Ask(str(i))) for i in range(5)]
    echo.go.set()
    assert [reply.result(30).hits for reply in [first, *replies]] == [["first"], *[[str(i)] for i in range(5)]]
    assert echo.batches == [["first"], ["0", "1", "2", "3", "4"]]
    batcher.close()


def test_a_batch_has_a_bound(echo):
    batcher, _ = held(echo, batch_size=2)
    replies = [batcher.submit(Ask(str(i))) for i in range(5)]
    echo.go.set()
    wait(replies, 30)
    assert [len(batch) for batch in echo.batches] == [1, 2, 2, 1]
    batcher.close()


def test_one_too_many_is_refused_and_there_is_room_again_later(echo):
    batcher, _ = held(echo, waiting=2)
    replies = [batcher.submit(Ask("a")), batcher.submit(Ask("b"))]
    assert batcher.full
    with pytest.raises(Full):
        batcher.submit(Ask("c"))
    echo.go.set()
    wait(replies, 30)
    assert batcher.submit(Ask("d")).result(30).hits == ["d"]
    batcher.close()


def test_what_would_wait_too_long_at_the_last_pace_is_refused_while_there_is_room():
    go = threading.Event()

    def answer(asks):
        if asks[0].value != "slow":
            assert go.wait(30)
        else:
            threading.Event().wait(0.2)
        return [[] for _ in asks], {}

    batcher = Batcher(answer, waiting=100, batch_size=1, wait_ms=500)
    batcher.submit(Ask("slow")).result(30)  # the pace: 0.2 s
    accepted = 0
    while not batcher.full and accepted < 100:
        batcher.submit(Ask("next"))
        accepted += 1
    with pytest.raises(Full):
        batcher.submit(Ask("late"))
    go.set()
    assert 2 <= accepted <= 5
    batcher.close()


def test_a_query_that_fails_spoils_no_other_of_its_batch(echo):
    batcher, _ = held(echo)
    good, bad = batcher.submit(Ask("good")), batcher.submit(Ask("bad"))
    echo.go.set()
    assert good.result(30).hits == ["good"]
    with pytest.raises(RuntimeError, match="bad"):
        bad.result(30)
    batcher.close()


def test_a_query_that_was_given_up_is_not_asked(echo):
    batcher, _ = held(echo)
    batcher.submit(Ask("given up")).cancel()
    kept = batcher.submit(Ask("kept"))
    echo.go.set()
    kept.result(30)
    assert echo.batches == [["first"], ["kept"]]
    batcher.close()


def test_closing_answers_what_waits_and_takes_no_more(echo):
    batcher, first = held(echo)
    last = batcher.submit(Ask("last"))
    echo.go.set()
    batcher.close()
    assert first.result(0).hits == ["first"]
    assert last.result(0).hits == ["last"]
    with pytest.raises(Full):
        batcher.submit(Ask("late"))


def test_total_holds_the_wait_for_the_batch_before(echo):
    batcher, _ = held(echo)
    reply = batcher.submit(Ask("a"))
    threading.Event().wait(0.05)
    echo.go.set()
    ms = reply.result(30).ms
    assert ms["wait"] >= 50
    assert ms["total"] >= ms["wait"]
    assert ms["encode"] == 1.0
    batcher.close()


def test_a_window_waits_for_company():
    batches = []

    def answer(asks):
        batches.append(len(asks))
        return [[] for _ in asks], {}

    batcher = Batcher(answer, window_ms=30_000, batch_size=3)
    wait([batcher.submit(Ask(str(i))) for i in range(3)], 25)
    assert batches == [3]
    batcher.close()
