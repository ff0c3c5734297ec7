"""A reader always sees a whole version, whatever is written, killed or broken meanwhile."""

import json
import multiprocessing
import os
import signal
import time

import pytest

from xret._errors import UserError
from xret.data.locking import locked
from xret.run import index_folder
from xret.run.index_folder import CURRENT, FACTS, IndexFacts, IndexFolder

pytestmark = pytest.mark.slow
FORK = multiprocessing.get_context("fork")


def filled(number):
    """Return what writes a version: two files that name the same number."""

    def write(path):
        for name in ("first", "second"):
            (path / name).write_text(str(number))
        return IndexFacts("run", "w", "image", "data", number, 4, {}, {})

    return write


def content(version):
    facts = IndexFolder.facts(version)
    return {facts.items, int((version / "first").read_text()), int((version / "second").read_text())}


def publish_many(path, count):
    for number in range(count):
        IndexFolder(path).publish(filled(number))


def test_a_reader_in_a_loop_sees_only_whole_versions(tmp_path):
    folder = IndexFolder(tmp_path)
    folder.publish(filled(0))
    writer = FORK.Process(target=publish_many, args=(tmp_path, 40))
    writer.start()
    seen = set()
    while writer.is_alive():
        owner = Owner()
        found = content(folder.held(owner))
        assert len(found) == 1, "files of two versions were read as one"
        seen |= found
    writer.join()
    assert writer.exitcode == 0
    assert len(seen) > 3, "the reader came too seldom to see anything"


class Owner:
    """Anything that holds a version."""


def test_a_version_stays_while_it_is_held_and_goes_then(tmp_path):
    folder, owner = IndexFolder(tmp_path), Owner()
    folder.publish(filled(1))
    version = folder.held(owner)
    publish_many(tmp_path, 3)
    assert content(version) == {1}
    del owner
    folder.publish(filled(5))
    assert not version.exists()
    assert sorted(p.name for p in (tmp_path / "versions").iterdir()) == ["00004", "00005"]


def test_a_version_that_goes_before_it_could_be_held_is_not_taken(tmp_path, monkeypatch):
    folder = IndexFolder(tmp_path)
    folder.publish(filled(1))
    hold, late = index_folder.hold, []

    def slow(path, owner):
        if not late:
            late.append(True)
            publish_many(tmp_path, 3)  # and the first is removed
        return hold(path, owner)

    monkeypatch.setattr(index_folder, "hold", slow)
    owner = Owner()
    assert content(folder.held(owner)) == {2}


def test_a_version_that_is_being_removed_is_not_taken(tmp_path, monkeypatch):
    folder = IndexFolder(tmp_path)
    folder.publish(filled(1))
    hold, late = index_folder.hold, []

    def amid(path, owner):
        if late:
            return hold(path, owner)
        late.append(True)
        publish_many(tmp_path, 1)
        with locked(path, wait=False) as alone:  # as one who removes it has it, whose first file is still to go
            assert alone
            return hold(path, owner)

    monkeypatch.setattr(index_folder, "hold", amid)
    owner = Owner()
    assert content(folder.held(owner)) == {0}


def test_a_version_is_none_any_more_before_its_first_file_goes(tmp_path, monkeypatch):
    folder, there = IndexFolder(tmp_path), []
    publish_many(tmp_path, 2)
    monkeypatch.setattr(index_folder.shutil, "rmtree", lambda path, **_: there.append((path / FACTS).exists()))
    folder.publish(filled(2))
    assert there == [False, False]  # the part's place, and the version


def publish_and_die(path, moment):
    """Publish, and end as kill -9 ends a process when it comes to a step."""

    def die(*_, **__):
        os.kill(os.getpid(), signal.SIGKILL)

    def write(part):
        facts = filled(2)(part)
        if moment == "write":
            die()
        return facts

    name, _, which = moment.partition(" ")
    if name in {"digest", "sync"}:
        real, count = getattr(index_folder, name), [int(which)]

        def late(*args, **kwargs):
            count[0] -= 1
            return die() if not count[0] else real(*args, **kwargs)

        setattr(index_folder, name, late)
    elif name == "replace":
        index_folder.os.replace = die
    IndexFolder(path).publish(write)


@pytest.mark.parametrize("moment", ["write", "digest 1", "digest 2", "sync 1", "sync 2", "replace", "sync 3"])
def test_killed_at_any_step_the_old_version_answers_and_the_next_attempt_goes_through(tmp_path, moment):
    folder = IndexFolder(tmp_path)
    folder.publish(filled(1))
    process = FORK.Process(target=publish_and_die, args=(tmp_path, moment))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert content(folder.current()) == ({2} if moment == "sync 3" else {1})  # the last comes after the link
    folder.publish(filled(3))
    assert content(folder.current()) == {3}
    left = [p.name for p in tmp_path.rglob(".*") if p.name not in {".lock", ".held"}]
    assert left == [], "nothing of the killed one is left"


def test_a_first_build_that_is_killed_leaves_no_index_and_the_next_makes_one(tmp_path):
    process = FORK.Process(target=publish_and_die, args=(tmp_path, "write"))
    process.start()
    process.join(60)
    with pytest.raises(UserError, match="no index folder"):
        IndexFolder.open(tmp_path)
    IndexFolder(tmp_path).publish(filled(1))
    assert content(IndexFolder.open(tmp_path).current()) == {1}


def hold_the_lock(path, ready):
    def write(part):
        ready.set()
        time.sleep(60)
        return filled(1)(part)

    IndexFolder(path).publish(write)


def test_two_builders_of_one_folder_do_not_meet(tmp_path):
    ready = FORK.Event()
    process = FORK.Process(target=hold_the_lock, args=(tmp_path, ready))
    process.start()
    try:
        assert ready.wait(60)
        with pytest.raises(UserError, match="another process builds"):
            IndexFolder(tmp_path).publish(filled(2))
    finally:
        process.kill()
        process.join()
    IndexFolder(tmp_path).publish(filled(2))


def test_everything_is_on_the_disk_before_the_link_points_to_it(tmp_path, monkeypatch):
    order = []
    real, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda n: order.append(os.readlink(f"/proc/self/fd/{n}")) or real(n))
    monkeypatch.setattr(os, "replace", lambda a, b: order.append("link") or replace(a, b))
    IndexFolder(tmp_path).publish(filled(1))
    before = {os.path.basename(path) for path in order[: order.index("link")]}
    assert {"first", "second", FACTS, "versions"} <= before
    assert order[-1] == str(tmp_path)


@pytest.mark.parametrize("harm", ["byte", "truncate", "remove"])
def test_a_file_that_changed_is_refused(tmp_path, harm):
    version = IndexFolder(tmp_path).publish(filled(1))
    path = version / "second"
    if harm == "remove":
        path.unlink()
    else:
        path.write_text("2" if harm == "byte" else "")
    with pytest.raises(UserError, match="second"):
        IndexFolder.facts(version)


@pytest.mark.parametrize(
    ("key", "value"), [("items", "many"), ("index", []), ("files", {"../../x": "y"}), ("format", 99), ("new", 1)]
)
def test_facts_that_make_no_sense_are_refused(tmp_path, key, value):
    version = IndexFolder(tmp_path).publish(filled(1))
    facts = json.loads((version / FACTS).read_text()) | {key: value}
    (version / FACTS).write_text(json.dumps(facts))
    with pytest.raises(UserError, match=r"build (it|the index)? ?again"):
        IndexFolder.facts(version)


def test_an_error_while_writing_leaves_the_old_version_and_no_rest(tmp_path):
    folder = IndexFolder(tmp_path)
    folder.publish(filled(1))

    def fail(part):
        raise UserError("no")

    with pytest.raises(UserError, match="no"):
        folder.publish(fail)
    assert content(folder.current()) == {1}
    assert [p.name for p in (tmp_path / "versions").iterdir()] == ["00001"]
    assert os.readlink(tmp_path / CURRENT) == "versions/00001"
