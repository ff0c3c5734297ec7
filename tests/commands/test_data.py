"""Data sets as `data` shows and converts them."""

import json
from pathlib import Path

import pytest

from xret._errors import UserError
from xret.cli import main
from xret.commands._converted import convert as written
from xret.data.manifest import Manifest, Row
from xret.data.openmoji import OpenMoji
from xret.data.table import Table
from xret.data.tuxpaint import TuxPaint
from xret.data.webdataset import WebDataset


def test_card_of_a_table_counts_its_rows_and_leaves_no_file(xret, shapes):
    code, out, err = xret("data", "action=card", "data=table", f"data.path={shapes}")
    assert code == 0, err
    assert "80: train" in out
    assert "PNG 80 (of 80 looked at)" in out
    assert list(Path().iterdir()) == []


def test_training_keeps_the_card_of_the_rows_it_used(xret, small, shapes):
    code, _, err = xret("train", *small, "trainer.fast_dev_run=true", "hydra.run.dir=run")
    assert code == 0, err
    card = json.loads(Path("run/data_card.json").read_text())
    splits = [line.rpartition(",")[2] for line in Path("run/split.csv").read_text().splitlines()[1:]]
    assert card["pairs"] == {split: splits.count(split) for split in ("train", "val", "test")}
    assert card["pictures"] == 80


def rows(manifest, refs):
    """All that rows hold, with the content of their media files; ``refs``: number of each file by first appearance."""
    numbers = {}
    for row in manifest.rows:
        ref = row.inputs["image"]
        number = numbers.setdefault(ref, len(numbers)) if refs else 0
        content = (manifest.root / ref.partition("#")[0]).read_bytes()
        rest = {m: text for m, text in row.inputs.items() if m != "image"}
        facts = (row.group or "nameless", row.split, row.weight, row.domain, row.lang, dict(row.attributes))
        yield row.id, facts, rest, number, content, ref.partition("#")[2]


FACTS = [
    {"id": "1", "image": "a/x.png", "text": 'says "one",\nand more', "group": "g", "split": "train", "weight": 0.25},
    {"id": "2", "image": "y.svg#line", "text": "红苹果", "group": "h", "split": "test", "lang": "zh", "row": "7"},
    {
        "id": "3",
        "image": "a/x.png",
        "text": "two",
        "group": "g",
        "split": "train",
        "domain": "shop",
        "colour": "red, dark",
    },
    {"id": "4", "image": "y.svg", "text": "two", "group": "h", "split": "test", "weight": 0, "captions": "x"},
    {"id": "5", "image": "same.png", "text": "the same bytes", "group": "g", "split": "val", "caption": "=1+1"},
]


@pytest.fixture
def facts(tmp_path):
    """The path of a table with all that a row can hold."""
    (tmp_path / "in/a").mkdir(parents=True)
    for name in ("a/x.png", "same.png"):
        (tmp_path / "in" / name).write_bytes(b"one picture")
    (tmp_path / "in/y.svg").write_text("<svg/>")
    path = tmp_path / "in/pairs.jsonl"
    path.write_text("\n".join(map(json.dumps, FACTS)))
    return path


def convert(xret, source, form, out, *arguments):
    code, printed, err = xret("data", "action=convert", *source, f"to={form}", f"hydra.run.dir={out}", *arguments)
    assert code == 0, err
    words = printed.splitlines()[-1].removeprefix("next: python -m xret train ").split()
    return [word for word in words if not word.startswith(("'", '"'))]


@pytest.mark.parametrize(
    "way", [("webdataset", "table"), ("folder", "webdataset", "table"), ("table", "folder", "table")]
)
def test_rows_and_bytes_survive_every_way_there_and_back(xret, facts, way):
    before, step = list(rows(Table(str(facts)).load(), refs=True)), ["data=table", f"data.path={facts}"]
    for number, form in enumerate(way):
        step = convert(xret, step, form, f"out{number}", "shard_mb=1")
    assert step[0] == "data=table"
    assert list(rows(Table(step[1].removeprefix("data.path=")).load(), refs=True)) == before


@pytest.mark.parametrize("data", ["openmoji", "tuxpaint"])
def test_real_data_survive_shards(data, tmp_path):
    if data == "tuxpaint" and not Path("/usr/share/tuxpaint/stamps").is_dir():
        pytest.skip("needs tuxpaint-stamps-default")
    source = OpenMoji(style="line") if data == "openmoji" else TuxPaint()
    manifest = source.load()
    table = Table(str(convert_to(manifest, "table", tmp_path / "table")))
    shards = convert_to(table.load(), "webdataset", tmp_path / "shards")
    assert len(list(shards.glob("*.tar"))) > 1
    back = Table(str(convert_to(WebDataset(str(shards)).load(), "table", tmp_path / "back"))).load()
    assert list(rows(back, refs=True)) == list(rows(manifest, refs=True))
    assert not back.rejected


def convert_to(manifest, form, folder):
    return written(manifest, form, folder, 500_000)


def test_titles_are_converted_as_texts(xret, tmp_path):
    lines = [
        {"image": "x.png", "text": "a", "split": "train", "name": "one"},
        {"text": "b", "split": "test", "name": "two"},
        {"text": "c", "split": "test", "name": "two"},
    ]
    (tmp_path / "x.png").write_bytes(b"p")
    (tmp_path / "pairs.jsonl").write_text("\n".join(map(json.dumps, lines)))
    step = ["data=table", f"data.path={tmp_path / 'pairs.jsonl'}", "data.title=name"]
    for number, form in enumerate(("table", "webdataset", "folder", "table")):
        step = convert(xret, step, form, f"out{number}")
        assert step[2] == "data.title=title"
    found = Table(step[1].removeprefix("data.path="), title="title").load()
    assert [{m: v for m, v in r.inputs.items() if m != "image"} for r in found.rows] == [
        {"text": line["text"], "title": line["name"]} for line in lines
    ]
    assert ["image" in r.inputs for r in found.rows] == [True, False, False]


@pytest.mark.parametrize(
    ("change", "arguments", "message"),
    [
        ({}, ["to=tables", "hydra.run.dir=out"], "to must be one of table, folder, webdataset, got tables"),
        ({}, ["to=table"], "name a new one with hydra.run.dir=OUT"),
        ({}, ["to=webdataset", "shard_mb=0", "hydra.run.dir=out"], "shard_mb must be at least 1"),
        ({"split": "x"}, ["to=table", "data.columns.split=null", "hydra.run.dir=out"], "attribute called 'split'"),
        ({"file_name": "x"}, ["to=folder", "hydra.run.dir=out"], "attribute called 'file_name'"),
        ({"image": "x.dat"}, ["to=webdataset", "hydra.run.dir=out"], "x.dat does not say image"),
    ],
)
def test_what_cannot_be_converted_is_refused_in_one_line(xret, tmp_path, change, arguments, message):
    for name in ("x.png", "x.dat"):
        (tmp_path / name).write_bytes(b"p")
    (tmp_path / "pairs.jsonl").write_text(json.dumps({"image": "x.png", "text": "a", **change}))
    code, _, err = xret("data", "action=convert", "data=table", "data.path=pairs.jsonl", *arguments)
    assert code == 2
    assert len(err.strip().splitlines()) == 1
    assert message in err


def test_only_what_was_killed_is_gone_on_with(xret, facts, monkeypatch):
    source = ["data=table", f"data.path={facts}"]
    words = ["data", "action=convert", *source, "hydra.run.dir=out"]
    with monkeypatch.context() as broken:
        broken.setattr("xret.commands._converted.table", lambda *_: 1 / 0)
        assert xret(*words, "to=table")[0] == 1
    assert not Path("out/pairs.csv").exists()
    assert Path("out/media").is_dir()
    code, _, err = xret(*words, "to=folder")
    assert (code, "must be a new or empty folder" in err) == (2, True)
    convert(xret, source, "table", "out")
    assert sorted(path.name for path in Path("out").iterdir()) == ["data_card.json", "media", "pairs.csv"]
    code, _, err = xret(*words, "to=table")
    assert (code, "holds a data set already" in err) == (2, True)


def test_a_bare_word_is_the_action_and_a_range_of_shards_no_dictionary(xret, facts, monkeypatch):
    given = []
    monkeypatch.setattr("xret.commands._launch.launch", lambda *arguments: given.append(arguments))
    monkeypatch.setattr("sys.argv", ["xret", "data", "convert", "data=table", "data.path=s-{01..12}.tar"])
    with pytest.raises(SystemExit):
        main()
    assert given == [("data", ["action=convert", "data=table", "data.path='s-{01..12}.tar'"])]


def test_a_mistake_does_not_spoil_the_folder(xret, facts):
    code, _, _ = xret("data", "action=convert", "data=table", "data.path=none.csv", "to=table", "hydra.run.dir=out")
    assert code == 2
    convert(xret, ["data=table", f"data.path={facts}"], "table", "out")


def test_white_space_that_a_table_would_lose_is_refused(tmp_path):
    row = Row("1", "g ", {"image": "x.png", "text": "a"}, "train")
    with pytest.raises(UserError, match="white space around 'g ' of row 1 would be lost"):
        written(Manifest("m", (row,), root=tmp_path), "table", tmp_path / "out", 1)
