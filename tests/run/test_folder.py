"""A run folder: files are whole or absent, and runs do not overwrite each other."""

import os
import subprocess
import sys

import pytest

from xret._errors import UserError
from xret.run.folder import Busy, RunFolder, write_whole


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, lambda file: file.write(b"old"))

    def half(file):
        file.write(b"ne")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(path, half)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_full_disk_is_one_line(tmp_path):
    def full(_file):
        raise OSError(28, "No space left on device")

    with pytest.raises(UserError, match="No space left"):
        write_whole(tmp_path / "a.txt", full)


def test_a_folder_with_a_run_is_not_claimed_again(tmp_path):
    run = RunFolder.claim(tmp_path / "run")
    run.write_text("config.yaml", "a: 1\n")
    with pytest.raises(UserError, match=r"unfinished run; resume="):
        RunFolder.claim(tmp_path / "run")
    run.write_json("metrics.json", {})
    with pytest.raises(UserError, match="finished run"):
        RunFolder.claim(tmp_path / "run")
    with pytest.raises(UserError, match="is no run folder"):
        RunFolder.open(tmp_path / "other")


def test_a_folder_is_written_by_one_process_at_a_time(tmp_path):
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib; from xret.run.folder import RunFolder\n"
            "with RunFolder(pathlib.Path(sys.argv[1])).alone(): print('held', flush=True); sys.stdin.read()",
            str(tmp_path),
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(Busy, match="another process"), RunFolder(tmp_path).alone():
        pass
    holder.kill()
    holder.communicate()
    with RunFolder(tmp_path).alone():
        pass
