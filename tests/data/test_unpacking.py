"""Folders of unpacked containers: whole or not there."""

import json

import pytest

from xret._errors import UserError
from xret.data.faults import RowError
from xret.data.unpacking import TABLE, container_key, rejected_in, unpacked


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XRET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache/data"


def test_a_folder_is_filled_once_and_is_whole_or_not_there(cache):
    calls = []

    def fill(into):
        calls.append(into.media("../../k", "png", b"p"))
        into.pair({"a": {"x": 1}, "b": [[1]], "c": ["d"], "e": None, "f": "", "g": 0})
        into.reject("r\udcff", RowError("empty", "why"))
        if len(calls) == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        unpacked("k" * 64, 10, fill)
    assert [p.name for p in cache.iterdir()] == [f"{'k' * 32}.lock"]
    folder = unpacked("k" * 64, 10, fill)
    assert unpacked("k" * 64, 10, fill) == folder == cache / ("k" * 32)
    assert len(calls) == 2
    assert [p.relative_to(folder).as_posix() for p in folder.rglob("*.png")] == [calls[1]]
    assert json.loads((folder / TABLE).read_text()) == {"a": '{"x": 1}', "b": "[[1]]", "c": ["d"], "g": 0}
    assert [(r.row, r.reason, r.detail) for r in rejected_in(folder)] == [("r?", "empty", "why")]


def test_more_bytes_than_allowed_are_refused_and_nothing_stays(cache):
    def fill(into):
        for key in "ab":
            into.media(key, "png", b"12345")

    with pytest.raises(UserError, match=r"data\.max_gb permits more"):
        unpacked("k" * 64, 9, fill)
    assert [p.suffix for p in cache.iterdir()] == [".lock"]
    assert unpacked("k" * 64, 10, fill).is_dir()


def test_a_cache_that_cannot_be_written_is_one_line(cache):
    cache.parent.mkdir()
    cache.write_text("a file")
    with pytest.raises(UserError, match="cannot unpack into"):
        unpacked("k" * 64, 9, lambda _: None)


def test_the_key_follows_content_and_names_and_not_the_folder(tmp_path):
    keys = []
    for folder, name, content in (("a", "x", "1"), ("b", "x", "1"), ("c", "y", "1"), ("d", "x", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text(content)
        keys.append(container_key("w", [tmp_path / folder / name]))
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert container_key("v", [tmp_path / "a/x"]) != keys[0]
    (tmp_path / "a#b").write_text("1")
    with pytest.raises(UserError, match="a # in the name"):
        container_key("w", [tmp_path / "a#b"])
