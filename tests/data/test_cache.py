"""The feature cache: shared, bounded, and whole whatever happens."""

import errno
import json
import os
import signal
import subprocess
import sys
import textwrap
import time

import numpy as np
import pytest

from xret.data.cache import FeatureCache
from xret.data.content import content_key
from xret.data.features import Broken, Piece
from xret.data.manifest import Items

REFS = tuple(f"text {i}" for i in range(10))
ITEMS = Items("text", REFS, np.arange(10))
VECTORS = np.random.default_rng(0).random((10, 4), np.float32)
ORDER = np.random.default_rng(1).permutation(10)


class Maker:
    """Gives the vectors in pieces of three, in no order; counts how often it is asked."""

    def __init__(self, vectors=VECTORS, broken=()):
        self.vectors = vectors
        self.broken = broken
        self.calls = 0

    def __call__(self):
        """Yield the pieces."""
        self.calls += 1
        for begin in range(0, 10, 3):
            where = ORDER[begin : begin + 3]
            yield Piece(where, {"vector": self.vectors[where]}, tuple(b for b in self.broken if b.position in where))


@pytest.fixture
def cache(tmp_path):
    return FeatureCache(tmp_path)


def folders(cache):
    return sorted(p.name for p in (cache.root / "features").iterdir())


def test_features_are_made_once_and_mapped_from_then_on(cache):
    make = Maker(broken=[Broken(7, "missing", "x"), Broken(2, "undecodable", "y")])
    for fresh in (True, False, False):
        found = cache.get("f", ITEMS, None, make)
        assert isinstance(found.array, np.memmap)
        assert not found.array.flags.writeable
        assert (found.array == VECTORS).all()
        assert found.broken == (Broken(2, "undecodable", "y"), Broken(7, "missing", "x"))
        assert (found.name, found.mask, found.fresh) == ("vector", None, fresh)
    assert make.calls == 1


def test_another_encoder_or_other_items_are_made_anew(cache):
    make = Maker()
    cache.get("f", ITEMS, None, make)
    cache.get("g", ITEMS, None, make)
    cache.get("f", Items("text", (*REFS[:9], "other"), np.arange(10)), None, make)
    cache.get("f", Items("text", REFS[::-1], np.arange(10)), None, make)
    assert make.calls == 4


def test_texts_that_only_join_alike_are_different():
    def key(*texts):
        return content_key("f", Items("text", texts, np.arange(len(texts))), None)

    assert len({key("ab", "c"), key("a", "bc"), key("abc"), key("ab", "c", "")}) == 4


@pytest.mark.parametrize("limit", [256_000_000, 0])
def test_files_count_by_content_or_where_that_is_too_much_by_size_and_time(tmp_path, monkeypatch, limit):
    monkeypatch.setattr("xret.data.content._HASH_BYTES", limit)
    items = Items("image", ("a.png", "b.svg#line"), np.arange(2))
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        for file in ("a.png", "b.svg"):
            (tmp_path / name / file).write_bytes(b"same")
            os.utime(tmp_path / name / file, (1, 1))
    first = content_key("f", items, tmp_path / "one")
    assert content_key("f", items, tmp_path / "two") == first
    (tmp_path / "two/b.svg").write_bytes(b"diff")
    os.utime(tmp_path / "two/b.svg", (2, 2))
    assert content_key("f", items, tmp_path / "two") != first
    (tmp_path / "one/b.svg").unlink()
    gone = content_key("f", items, tmp_path / "one")
    assert gone != first
    os.mkfifo(tmp_path / "one/b.svg")
    assert content_key("f", items, tmp_path / "one") == gone


@pytest.mark.parametrize(
    "damage",
    [
        lambda entry: (entry / "vector.npy").unlink(),
        lambda entry: os.truncate(entry / "vector.npy", 200),
        lambda entry: os.truncate(entry / "vector.npy", 2000),
        lambda entry: (entry / "vector.npy").write_bytes(b"\0" * (entry / "vector.npy").stat().st_size),
        lambda entry: (entry / "meta.json").unlink(),
        lambda entry: (entry / "meta.json").write_text("{"),
        lambda entry: (entry / "meta.json").write_text("[]"),
        lambda entry: (entry / "meta.json").write_text("{}"),
        lambda entry: edit(entry, count=9),
        lambda entry: edit(entry, shape=[10, 5]),
        lambda entry: edit(entry, broken=[[1]]),
    ],
)
def test_an_entry_that_does_not_fit_its_description_is_made_again(cache, damage, caplog):
    make = Maker()
    cache.get("f", ITEMS, None, make)
    (entry,) = (cache.root / "features").iterdir()
    damage(entry)
    assert (cache.get("f", ITEMS, None, make).array == VECTORS).all()
    assert make.calls == 2
    assert "damaged" in caplog.text
    assert (cache.get("f", ITEMS, None, make).array == VECTORS).all()
    assert make.calls == 2
    assert len(folders(cache)) == 1


def edit(entry, **changes):
    meta = json.loads((entry / "meta.json").read_text())
    (entry / "meta.json").write_text(json.dumps(meta | changes))


def test_features_in_use_survive_removal_and_replacement(cache):
    found = cache.get("f", ITEMS, None, Maker())
    (entry,) = (cache.root / "features").iterdir()
    (entry / "meta.json").unlink()
    again = cache.get("f", ITEMS, None, Maker(VECTORS + 1))
    assert (found.array == VECTORS).all()
    assert (again.array == VECTORS + 1).all()


def test_sequences_of_any_length_end_in_zeros(cache):
    lengths = np.array([2, 5, 3, 1, 4, 5, 2, 7, 1, 3])
    rng = np.random.default_rng(0)

    def make():
        for where in (np.array([0, 1, 2]), np.array([9, 3]), np.array([4, 5, 6, 7, 8])):
            longest = lengths[where].max()
            mask = np.arange(longest) < lengths[where][:, None]
            yield Piece(
                where, {"tokens": rng.random((len(where), longest, 6), np.float32) * mask[..., None], "mask": mask}
            )

    found = cache.get("f", ITEMS, None, make)
    rng = np.random.default_rng(0)
    expected = np.zeros((10, 7, 6), np.float32)
    for piece in make():
        for i, row in zip(piece.positions, piece.arrays["tokens"], strict=True):
            expected[i, : len(row)] = row
    expected *= (np.arange(7) < lengths[:, None])[..., None]
    assert found.name == "tokens"
    assert (found.array == expected).all()
    assert (found.mask == (np.arange(7) < lengths[:, None])).all()
    assert cache.list_entries()[0].shape == (10, 7, 6)


def test_least_recently_used_features_leave_first(tmp_path):
    big = np.zeros((10, 1000), np.float32)  # 40 kB
    cache = FeatureCache(tmp_path, max_gb=100e3 / 1e9)
    for name in "ab":
        cache.get(name, ITEMS, None, Maker(big))
    for i, entry in enumerate(reversed(cache.list_entries())):  # a, b
        os.utime(tmp_path / "features" / entry.key / "meta.json", (i, i))
    cache.get("a", ITEMS, None, Maker(big))  # now b is the oldest
    cache.get("c", ITEMS, None, Maker(big))
    makers = {name: Maker(big) for name in "ac"}
    assert [cache.get(name, ITEMS, None, make).fresh for name, make in makers.items()] == [False, False]
    assert len(cache.list_entries()) == 2
    assert cache.get("b", ITEMS, None, Maker(big)).fresh


def test_features_in_use_stay_though_they_are_too_many(tmp_path):
    cache = FeatureCache(tmp_path, max_gb=0)
    held = cache.get("a", ITEMS, None, Maker())
    other = cache.get("b", ITEMS, None, Maker())
    assert len(cache.list_entries()) == 2
    assert cache.clear() == []
    del held
    assert len(cache.clear()) == 1
    assert (other.array == VECTORS).all()
    del other
    assert len(cache.clear()) == 1
    assert folders(cache) == []


def test_list_names_size_shape_and_last_use(cache):
    cache.get("a", ITEMS, None, Maker())
    (entry,) = cache.list_entries()
    assert (entry.modality, entry.shape) == ("text", (10, 4))
    assert entry.bytes == (cache.root / "features" / entry.key / "vector.npy").stat().st_size
    assert abs(entry.used - time.time()) < 60


def test_cache_stands_where_the_environment_says(monkeypatch, tmp_path):
    monkeypatch.setenv("XRET_CACHE", str(tmp_path / "x"))
    assert FeatureCache().root == tmp_path / "x"
    monkeypatch.delenv("XRET_CACHE")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert FeatureCache().root == tmp_path / ".cache/xret"
    assert FeatureCache().list_entries() == []
    assert FeatureCache().clear() == []


@pytest.mark.parametrize("after", range(5))
def test_full_disk_leaves_features_in_memory_and_nothing_behind(cache, monkeypatch, caplog, after):
    write, count = os.pwrite, 0

    def fail(*args):
        nonlocal count
        count += 1
        if count > after:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(*args)

    monkeypatch.setattr(os, "pwrite", fail)
    make = Maker()
    found = cache.get("f", ITEMS, None, make)
    assert (found.array == VECTORS).all()
    assert found.array.flags.writeable
    assert make.calls == 1
    assert "kept in memory" in caplog.text
    assert folders(cache) == []


@pytest.mark.parametrize("call", ["fsync", "truncate", "mkdtemp", "disk_usage"])
def test_other_failures_of_the_disk_leave_features_in_memory(cache, monkeypatch, call):
    def fail(*args, **kwargs):
        if call == "disk_usage":
            return type("Usage", (), {"free": 10})
        raise OSError(errno.EIO, "broken")

    owner = {"mkdtemp": "tempfile.mkdtemp", "disk_usage": "shutil.disk_usage"}.get(call, f"os.{call}")
    monkeypatch.setattr(owner, fail)
    assert (cache.get("f", ITEMS, None, Maker()).array == VECTORS).all()
    assert folders(cache) == []


def test_cache_that_cannot_be_written_still_works(tmp_path):
    (tmp_path / "file").write_text("")
    make = Maker()
    assert (FeatureCache(tmp_path / "file").get("f", ITEMS, None, make).array == VECTORS).all()
    assert make.calls == 1


def test_failure_of_the_encoder_is_passed_on_and_leaves_nothing_behind(cache):
    def make():
        yield from list(Maker()())[:2]
        raise OSError("the encoder's own")

    with pytest.raises(OSError, match="the encoder's own"):
        cache.get("f", ITEMS, None, make)
    assert folders(cache) == []
    assert cache.get("f", ITEMS, None, Maker()).fresh


def test_no_items_and_a_negative_bound_are_refused(cache, tmp_path):
    with pytest.raises(ValueError, match="no items"):
        cache.get("f", Items("text", (), np.arange(0)), None, Maker())
    with pytest.raises(ValueError, match="negative"):
        FeatureCache(tmp_path, max_gb=-1)


SCRIPT = """
import sys, time
import numpy as np
from pathlib import Path
from xret.data.cache import FeatureCache
from xret.data.features import Piece
from xret.data.manifest import Items

def make():
    with open(sys.argv[2], "a") as log:
        log.write("made\\n")
    for i in range(10):
        print(i, flush=True)
        time.sleep(float(sys.argv[3]))
        yield Piece(np.array([i]), {"vector": np.full((1, 4), i, np.float32)})

items = Items("text", tuple(f"text {i}" for i in range(10)), np.arange(10))
found = FeatureCache(Path(sys.argv[1])).get("f", items, None, make)
assert (found.array[:, 0] == np.arange(10)).all()
print("done", found.fresh, flush=True)
"""


@pytest.fixture
def process(tmp_path):
    started = []

    def start(seconds):
        arguments = [sys.executable, "-c", textwrap.dedent(SCRIPT), tmp_path / "cache", tmp_path / "log", str(seconds)]
        started.append(subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True))
        return started[-1]

    yield start
    for each in started:
        each.kill()
        each.wait()
        each.stdout.close()


def test_killed_writer_leaves_nothing_that_is_believed_and_its_remains_are_removed(process, tmp_path):
    victim = process(0.2)
    assert [victim.stdout.readline() for _ in range(4)][-1] == "3\n"
    victim.send_signal(signal.SIGKILL)
    victim.wait()
    cache = FeatureCache(tmp_path / "cache")
    assert cache.list_entries() == []
    assert len(folders(cache)) == 1
    assert process(0).communicate(timeout=60)[0].endswith("done True\n")
    assert len(folders(cache)) == 1
    assert [entry.shape for entry in cache.list_entries()] == [(10, 4)]


def test_two_processes_make_features_once(process, tmp_path):
    outputs = [each.communicate(timeout=60)[0] for each in [process(0.1) for _ in range(3)]]
    assert sorted(output.splitlines()[-1] for output in outputs) == ["done False", "done False", "done True"]
    assert (tmp_path / "log").read_text() == "made\n"


def test_remains_of_killed_processes_are_removed_by_clear_but_not_work_in_progress(process, tmp_path):
    victim = process(0.2)
    victim.stdout.readline()
    cache = FeatureCache(tmp_path / "cache")
    cache.clear()
    assert len(folders(cache)) == 1  # still being written
    victim.kill()
    victim.wait()
    cache.clear()
    assert folders(cache) == []
