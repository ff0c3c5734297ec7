"""The engine of many processes, as far as it needs none; `tests/commands/test_embed.py` starts them."""

import operator
import pickle
import sys

import pytest

from xret._errors import UserError
from xret.embed.engine.ray import Ray, _Worker


def refuse(_shard, _readers):
    raise UserError("the disk is gone")


def test_a_worker_takes_and_gives_bytes_and_reads_with_no_process_of_its_own():
    worker = _Worker(pickle.dumps(operator.truediv))
    with pytest.raises(ZeroDivisionError):
        worker({"shard": pickle.dumps(1)})
    answer = _Worker(pickle.dumps(operator.add))({"shard": pickle.dumps(7)})
    assert (pickle.loads(answer["made"]), answer["error"]) == (7, "")


def test_an_expected_failure_of_a_worker_comes_back_as_its_message():
    worker = _Worker(pickle.dumps(operator.add))
    worker.make = refuse
    assert worker({"shard": pickle.dumps(1)})["error"] == "the disk is gone"


def test_without_ray_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(UserError, match=r"pip install 'xret\[ray\]'"):
        next(Ray()(operator.add, [1]))


def test_nothing_to_do_starts_nothing(monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert list(Ray()(operator.add, [])) == []


@pytest.mark.parametrize(("arguments", "message"), [({"workers": 0}, "at least 1"), ({"cpus": 0}, "positive")])
def test_settings_out_of_range_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Ray(**arguments)
