"""What people say of answers becomes rows of a table that a training reads."""

import json
import subprocess
import sys

import pytest
from PIL import Image

from xret.data.table import Table
from xret.serve.feedback import Feedback, FeedbackFull


def test_a_training_reads_right_pairs_with_weight_and_wrong_ones_without(tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    file = Feedback(tmp_path / "kept/told.jsonl")
    pair = {"image": str(tmp_path / "a.png"), "text": 'a \u2028 "square"', "group": "g", "query": "q"}
    names = [file.add(pair, verdict) for verdict in ("right", "wrong")]
    manifest = Table(str(file.path), allow_outside=True, fractions=(1, 0, 0)).load()
    assert not manifest.rejected
    assert [row.id for row in manifest.rows] == names
    assert [row.weight for row in manifest.rows] == [1.0, 0.0]
    assert [row.attributes["verdict"] for row in manifest.rows] == ["right", "wrong"]
    assert {row.group for row in manifest.rows} == {"g"}


def test_a_line_that_was_cut_off_spoils_no_other(tmp_path):
    file = Feedback(tmp_path / "told.jsonl")
    file.path.write_text('{"id": "cut o')
    file.add({"text": "a"}, "right")
    assert json.loads(file.path.read_text().split("\n")[1])["text"] == "a"


def test_it_grows_to_its_bound_and_no_further(tmp_path):
    file = Feedback(tmp_path / "told.jsonl", max_mb=0.001)
    while not file.path.exists() or file.path.stat().st_size < 700:
        file.add({"text": "a" * 50}, "right")
    with pytest.raises(FeedbackFull, match="full"):
        file.add({"text": "a" * 400}, "right")
    assert 500 < file.path.stat().st_size <= 1000
    assert [json.loads(line)["text"] for line in file.path.read_text().splitlines()]


def test_what_cannot_be_written_is_said(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(FeedbackFull, match="cannot be written"):
        Feedback(tmp_path / "taken/told.jsonl").add({"text": "a"}, "right")


def test_lines_of_two_processes_do_not_mix(tmp_path):
    code = (
        "import sys; from pathlib import Path; from xret.serve.feedback import Feedback\n"
        "f = Feedback(Path(sys.argv[1]))\n"
        "for _ in range(40): f.add({'text': sys.argv[2] * 3000}, 'right')"
    )
    path = tmp_path / "told.jsonl"
    both = [subprocess.Popen([sys.executable, "-c", code, str(path), letter]) for letter in "ab"]
    assert [process.wait(60) for process in both] == [0, 0]
    texts = [json.loads(line)["text"] for line in path.read_text().splitlines()]
    assert sorted(texts) == ["a" * 3000] * 40 + ["b" * 3000] * 40


@pytest.mark.parametrize(("name", "size"), [("told.csv", 1), ("told.jsonl", 0)])
def test_refuses_another_table_and_no_room(tmp_path, name, size):
    with pytest.raises(ValueError, match="must be"):
        Feedback(tmp_path / name, size)
