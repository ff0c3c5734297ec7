"""Cleaning a data set by the command: what it writes, what it leaves alone, and how every change is told and undone."""

import csv
import hashlib
import json
import os
import shutil
import struct
import zlib
from pathlib import Path
from typing import ClassVar

import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageDraw

from xret.clean import Finding, Outcome
from xret.clean.text._caption import outcome
from xret.clean.text.boilerplate import Boilerplate
from xret.commands._cleaned import Plan
from xret.commands._cleaning import labels
from xret.commands._cleaning_pairs import compared
from xret.data.manifest import Manifest, Row

pytestmark = pytest.mark.slow

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
COLOURS = ("red", "green", "blue", "purple", "orange", "black", "brown", "navy")
QUICK = (
    "workers=0",
    "clean.text.advert=null",
    "clean.text.language=null",
    "clean.text.spelling=null",
    "clean.image.marks=null",
    "clean.image.watermark=null",
)


@pytest.fixture
def dirty(tmp_path):
    """The path of a table of 8 pairs: captions with promotion, and every second picture with a wide margin."""
    folder = tmp_path / "dirty"
    folder.mkdir()
    lines = ["id,image,text,split,colour"]
    for i, colour in enumerate(COLOURS):
        picture = Image.new("RGB", (200, 200) if i % 2 else (100, 100), "white")
        left = 50 if i % 2 else 0
        pen = ImageDraw.Draw(picture)
        for k in range(0, 100, 10):
            pen.rectangle((left, left + k, left + 99, left + k + 9), fill=colour if k % 20 else "lightblue")
            pen.rectangle((left + k, left, left + k + 9, left + 99), fill="grey" if k % 20 else None)
        pen.ellipse((left + 30, left + 30, left + 70, left + 70), fill="yellow")
        picture.save(folder / f"{colour}.png")
        split = ("train", "train", "val", "test")[i % 4]
        label = colour.upper() if i == 0 else colour
        lines.append(f"{colour},{colour}.png,<b>A {colour} box</b> with a sun - free shipping,{split},{label}")
    (folder / "pairs.csv").write_text("\n".join(lines) + "\n")
    return folder / "pairs.csv"


def rows(path):
    with open(path, newline="") as file:
        return list(csv.DictReader(file))


def trail(folder):
    return pq.read_table(f"{folder}/changes.parquet").to_pylist()


def contents(folder):
    files = (path for path in sorted(Path(folder).rglob("*")) if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_dirty_table_comes_out_clean_and_the_originals_stay(xret, dirty):
    before = contents(dirty.parent)
    code, out, err = xret("clean", "data=table", f"data.path={dirty}", *QUICK, "hydra.run.dir=out")
    assert code == 0, err
    assert "8 rows read, 8 written" in out
    assert contents(dirty.parent) == before
    cleaned = {row["id"]: row for row in rows("out/pairs.csv")}
    assert [row["id"] for row in rows("out/pairs.csv")] == list(COLOURS)
    for i, colour in enumerate(COLOURS):
        row = cleaned[colour]
        assert row["text"] == f"A {colour} box with a sun"
        assert row["split"] == ("train", "train", "val", "test")[i % 4]
        with Image.open(Path("out", row["image"])) as picture:
            assert picture.size == (100, 100)
        assert row["image"].startswith("images/" if i % 2 else "media/")
        assert os.path.samefile(Path("out", row["image"]), dirty.parent / f"{colour}.png") == (i % 2 == 0)
    assert len(list(Path("out/images").iterdir())) == 4
    told = {(change["row"], change["step"]): change for change in trail("out")}
    assert set(told) == {
        *((c, step) for c in COLOURS for step in ("html", "phrases")),
        *((c, "margins") for c in COLOURS[1::2]),
    }
    change = told["red", "html"]
    assert (change["before"], change["after"]) == (
        "<b>A red box</b> with a sun - free shipping",
        "A red box with a sun - free shipping",
    )
    assert change["reason"]
    assert not Path("out/.clean").exists()


def test_what_was_cleaned_is_trained_on(xret, dirty, small):
    assert xret("clean", "data=table", f"data.path={dirty}", *QUICK, "hydra.run.dir=out")[0] == 0
    arguments = [argument for argument in small if not argument.startswith("data.path")]
    code, out, err = xret("train", *arguments, "data.path=out/pairs.csv", "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    assert "| text → image |" in out


@pytest.mark.parametrize("suffix", [".tsv", ".jsonl", ".parquet"])
def test_the_format_of_the_input_is_that_of_the_output(suffix, xret, dirty):
    from xret.data.table import Table
    from xret.data.writing import table

    given = dirty.with_suffix(suffix)
    given.write_bytes(table(Table(str(dirty)).load().rows, suffix))
    quick = [argument for argument in QUICK if not argument.startswith("clean.image")]
    arguments = ["clean.image=null", *quick, "hydra.run.dir=out"]
    code, _, err = xret("clean", "data=table", f"data.path={given}", *arguments)
    assert code == 0, err
    manifest = Table(f"out/pairs{suffix}").load()
    assert [row.inputs["text"] for row in manifest.rows] == [f"A {colour} box with a sun" for colour in COLOURS]


def test_a_step_is_taken_back_and_no_other(xret, dirty):
    assert xret("clean", "data=table", f"data.path={dirty}", *QUICK, "hydra.run.dir=out")[0] == 0
    code, _, err = xret("clean", "run=out", "undo=[margins]", "workers=0", "hydra.run.dir=undone")
    assert code == 0, err
    assert {change["step"] for change in trail("undone")} == {"html", "phrases"}
    for row in rows("undone/pairs.csv"):
        assert row["text"] == f"A {row['id']} box with a sun"
        assert os.path.samefile(Path("undone", row["image"]), dirty.parent / f"{row['id']}.png")
    code, _, err = xret("clean", "run=undone", "undo=[phrases]", "workers=0", "hydra.run.dir=twice")
    assert code == 0, err
    assert {change["step"] for change in trail("twice")} == {"html"}
    code, _, err = xret("clean", "run=out", "undo=[margin]", "hydra.run.dir=bad")
    assert (code, "did you mean margins?" in err, err.count("\n")) == (2, True, 1)


def test_proposals_are_made_only_when_they_are_confirmed(xret, dirty):
    text = dirty.read_text().replace("A red box", "A red elephnat")
    dirty.write_text(text)
    arguments = ["data=table", f"data.path={dirty}", "workers=0", "clean.image=null", "clean.text.language=null"]
    code, out, err = xret("clean", *arguments, "hydra.run.dir=out")
    assert code == 0, err
    assert "proposals: tick them" in out
    proposed = [change for change in trail("out") if not change["applied"]]
    assert [(change["row"], change["after"]) for change in proposed] == [("red", "A red elephant with a sun")]
    assert rows("out/pairs.csv")[0]["text"] == "A red elephnat with a sun"
    one = {key: proposed[0][key] for key in ("step", "before", "after")}
    Path("accepted.jsonl").write_text(json.dumps(one) + "\n")
    code, _, err = xret("clean", "run=out", "accept=accepted.jsonl", "workers=0", "hydra.run.dir=again")
    assert code == 0, err
    assert rows("again/pairs.csv")[0]["text"] == "A red elephant with a sun"
    assert [row["text"] for row in rows("again/pairs.csv")[1:]] == [row["text"] for row in rows("out/pairs.csv")[1:]]


def test_two_processes_write_what_none_beside_the_first_does(xret, dirty, monkeypatch):
    from xret.commands import _cleaning

    assert xret("clean", "data=table", f"data.path={dirty}", *QUICK, "hydra.run.dir=alone")[0] == 0
    monkeypatch.setattr(_cleaning, "_PICTURES", 2)
    more = [argument for argument in QUICK if argument != "workers=0"]
    code, _, err = xret("clean", "data=table", f"data.path={dirty}", *more, "workers=2", "hydra.run.dir=two")
    assert code == 0, err
    for name in ("pairs.csv", "changes.parquet", "images", "media"):
        both = [Path(folder, name) for folder in ("alone", "two")]
        assert len({str(contents(p) if p.is_dir() else p.read_bytes()) for p in both}) == 1


def test_a_cleaning_that_was_killed_goes_on_with_what_was_done(xret, dirty, monkeypatch):
    from xret.commands import _cleaning

    command = ["clean", "data=table", f"data.path={dirty}", *QUICK]
    assert xret(*command, "hydra.run.dir=whole")[0] == 0
    monkeypatch.setattr(_cleaning, "_PICTURES", 3)
    done = []
    real = _cleaning._clean_picture

    def dies(job, ref):
        if len(done) == 4:
            os._exit(9)
        done.append(ref)
        return real(job, ref)

    child = os.fork()
    if not child:
        monkeypatch.setattr(_cleaning, "_clean_picture", dies)
        xret(*command, "hydra.run.dir=killed")
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not Path("killed/pairs.csv").exists()
    code, _, err = xret(*command, "clean.text.html=null", "hydra.run.dir=killed")
    assert (code, "other settings" in err) == (2, True)
    monkeypatch.setattr(_cleaning, "_clean_picture", lambda job, ref: (done.append(ref), real(job, ref))[1])
    monkeypatch.setattr(Boilerplate, "fit", lambda *_: pytest.fail("what was learnt is kept"))
    code, _, err = xret(*command, "hydra.run.dir=killed")
    assert code == 0, err
    assert len(done) == 5, "three pictures were a part that was whole"
    assert contents("killed").keys() == contents("whole").keys()
    for name in ("pairs.csv", "changes.parquet"):
        assert Path("killed", name).read_bytes() == Path("whole", name).read_bytes()
    code, _, err = xret(*command, "hydra.run.dir=killed")
    assert (code, "already" in err) == (2, True)


def test_titles_are_cleaned_like_captions(xret, dirty):
    lines = dirty.read_text().splitlines()
    titled = [f"{lines[0]},name", *(f"{line},<i>box {i}</i> - free shipping" for i, line in enumerate(lines[1:]))]
    dirty.write_text("\n".join(titled) + "\n")
    code, _, err = xret("clean", "data=table", f"data.path={dirty}", "data.title=name", *QUICK, "hydra.run.dir=out")
    assert code == 0, err
    assert [row["title"] for row in rows("out/pairs.csv")] == [f"box {i}" for i in range(8)]
    assert [row["text"] for row in rows("out/pairs.csv")] == [f"A {colour} box with a sun" for colour in COLOURS]
    code, _, err = xret(
        "dirty", "data=table", f"data.path={dirty}", "data.title=name", "hydra.run.dir=again", "workers=0"
    )
    assert code == 0, err


def test_labels_are_cleaned_where_they_are_named(xret, dirty):
    arguments = ["data=table", f"data.path={dirty}", "workers=0", "clean.text=null", "clean.image=null"]
    arguments.append("clean.pairs=null")
    code, _, err = xret("clean", *arguments, "hydra.run.dir=unnamed")
    assert code == 0, err
    assert trail("unnamed") == []
    code, _, err = xret("clean", *arguments, "attributes=[colour]", "hydra.run.dir=out")
    assert code == 0, err
    assert [row["colour"] for row in rows("out/pairs.csv")] == list(COLOURS)
    assert [(c["row"], c["field"], c["before"], c["after"]) for c in trail("out")] == [("red", "colour", "RED", "red")]
    code, _, err = xret("clean", *arguments, "attributes=[color]", "hydra.run.dir=bad")
    assert (code, "no attribute 'color'" in err) == (2, True)


class Lower:
    """A step on labels."""

    def __call__(self, value):
        return outcome(value, value.lower(), "capitals")


class Watch:
    """A step that tells what it was given: labels to learn from, pairs to look at."""

    seen: ClassVar[list] = []

    def fit(self, values):
        self.seen.extend(values)

    def __call__(self, value):
        if isinstance(value, str):
            return Outcome(value)
        self.seen.append(list(value.ids))
        return []


class Drop:
    """A step that leaves out the first row."""

    def __call__(self, data):
        return [Finding((data.ids[-1], data.ids[0]), "too much", (data.ids[0],))]


def test_a_step_on_labels_learns_every_occurrence_as_the_steps_before_leave_it(monkeypatch):
    monkeypatch.setattr(Watch, "seen", [])
    values = [("a", "train", "Red"), ("b", "train", "red"), ("c", "test", "BLUE")]
    rows = [Row(name, name, {}, split, attributes={"colour": value}) for name, split, value in values]
    found = labels({"lower": Lower(), "watch": Watch()}, rows, "colour", frozenset())
    assert Watch.seen == [("colour", "red"), ("colour", "red")]
    assert {value: cleaned.after for value, cleaned in found.items()} == {"Red": "red", "red": "red", "BLUE": "blue"}


def test_a_step_on_pairs_sees_the_rows_that_those_before_it_leave(monkeypatch):
    monkeypatch.setattr(Watch, "seen", [])
    rows = tuple(Row(name, name, {"image": f"{name}.png", "text": name}, "train") for name in "abc")
    dropped, trail = compared({"drop": Drop(), "watch": Watch()}, Manifest("m", rows), Plan({}))
    assert Watch.seen == [["b", "c"]]
    assert dropped == {"a"}
    assert [(c.row, c.after, c.reason) for c in trail] == [("a", None, "too much: c")]


def bomb():
    body = b"IHDR" + struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    chunks = (body, b"IDAT" + zlib.compress(b"\0" * 1000), b"IEND")
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(c) - 4) + c + struct.pack(">I", zlib.crc32(c)) for c in chunks
    )


def test_hostile_rows_are_each_told_and_end_nothing(xret, dirty):
    folder = dirty.parent
    whole = (folder / "red.png").read_bytes()
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "bomb.png").write_bytes(bomb())
    (folder / "loop.png").symlink_to("loop.png")
    (folder / "ring").symlink_to(".")
    (folder.parent / "outside.png").write_bytes(whole)
    (folder / "out.png").symlink_to("../outside.png")
    bad = [
        "cut,cut.png,a cut picture,train,x",
        "bomb,bomb.png,a bomb,train,x",
        "loop,loop.png,a loop,train,x",
        "outside,../outside.png,a thing outside,train,x",
        "linked,out.png,a link outside,train,x",
        f"long,red.png,{'word ' * 300_000},train,x",
        "short,red.png",
    ]
    lines = dirty.read_bytes() + "\n".join(bad).encode() + b"\nlatin,red.png,a caf\xe9,train,x\n"
    dirty.write_bytes(lines + b'cell,ring/green.png,"=HYPERLINK(""http://x.example"",""a lamp"")",train,x\n')
    before = contents(folder)
    code, out, err = xret("clean", "data=table", f"data.path={dirty}", *QUICK, "hydra.run.dir=out")
    assert code == 0, err
    assert "17 rows read, 9 written" in out
    reasons = {change["row"]: change["reason"].split(":")[0] for change in trail("out") if change["kind"] == "read"}
    assert reasons == {
        "cut": "undecodable", "bomb": "too_large", "loop": "missing", "outside": "outside", "linked": "outside",
        "long": "too_large", "latin": "encoding", "15": "fields",
    }  # fmt: skip
    assert contents(folder) == before
    assert {path.name for path in Path().iterdir()} == {"dirty", "out", "outside.png"}
    for row in rows("out/pairs.csv"):
        assert Path("out", row["image"]).resolve().is_relative_to(Path("out").resolve())


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["workers=-1"], "workers must be at least 0"),
        (["source=shop"], "no attribute 'shop'"),
        (["clean.text.symbol=null"], "did you mean"),
        (["run=nowhere"], "run must be the folder of an earlier cleaning"),
        (["accept=nowhere.csv"], "nowhere.csv"),
        (["hydra.run.dir=dirty"], "must be a new or empty folder"),
    ],
)
def test_a_mistake_is_one_line(arguments, told, xret, dirty):
    code, _, err = xret("clean", "data=table", f"data.path={dirty}", *QUICK, "hydra.run.dir=out", *arguments)
    assert code == 2, err
    assert told in err
    assert err.count("\n") == 1


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium (Debian: chromium)")
def test_the_report_shows_pictures_and_saves_what_is_ticked(xret, dirty, tmp_path):
    from playwright.sync_api import sync_playwright

    dirty.write_text(
        dirty.read_text().replace("A red box", "A red elephnat").replace("A navy", "A <i onclick=x>navy</i>")
    )
    quick = [argument for argument in QUICK if "spelling" not in argument]
    assert xret("clean", "data=table", f"data.path={dirty}", *quick, "hydra.run.dir=out")[0] == 0
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        asked, faults = [], []
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"file://{tmp_path}/out/report.html")
        broken = page.evaluate("[...document.images].filter(one => !one.naturalWidth).length")
        shown = page.evaluate("document.images.length")
        steps = page.inner_text("#steps")
        page.check("input[data-n='0']")
        with page.expect_download() as download:
            page.click("#save")
        download.value.save_as("accepted.jsonl")
        browser.close()
    assert (faults, broken, shown) == ([], 0, 8)
    assert all(url.startswith(("file:", "data:", "blob:")) for url in asked)
    assert "margins" in steps
    saved = json.loads(Path("accepted.jsonl").read_text())
    assert (saved["step"], saved["after"]) == ("spelling", "A red elephant with a sun")
    assert "<i onclick" not in Path("out/report.html").read_text()


def test_rows_that_harm_each_other_are_left_out_or_proposed(xret, dirty):
    shutil.copy(dirty.parent / "green.png", dirty.parent / "copy.png")
    lines = dirty.read_text().splitlines()
    lines += ["twin,copy.png,A green box with a sun,train,green", "leak,copy.png,quite another caption,test,green"]
    dirty.write_text("\n".join(lines) + "\n")
    quick = [*QUICK[:-1], "clean.image=null"]
    code, _, err = xret("clean", "data=table", f"data.path={dirty}", *quick, "hydra.run.dir=out")
    assert code == 0, err
    told = {(c["step"], c["row"]): c for c in trail("out") if c["kind"] == "pairs"}
    assert told["duplicates", "twin"]["applied"]
    assert "green" in told["duplicates", "twin"]["reason"]
    leaks = [c for (step, _), c in told.items() if step == "leaks"]
    assert [(c["row"], c["applied"], c["after"]) for c in leaks] == [("green", False, None)]
    assert {"twin"} == {line.split(",")[0] for line in lines[1:]} - {row["id"] for row in rows("out/pairs.csv")}
    Path("accepted.jsonl").write_text(json.dumps({key: leaks[0][key] for key in ("step", "before", "after")}) + "\n")
    code, _, err = xret("clean", "run=out", "accept=accepted.jsonl", "workers=0", "hydra.run.dir=again")
    assert code == 0, err
    assert {"twin", "green"} == {line.split(",")[0] for line in lines[1:]} - {
        row["id"] for row in rows("again/pairs.csv")
    }


def test_misfits_are_scored_by_the_vectors_of_an_encoder(xret, shapes):
    lines = shapes.read_text().splitlines()
    chosen = range(1, 81, 7)
    texts = [lines[i].split(",")[2] for i in chosen]
    for i, text in zip(chosen, texts[5:] + texts[:5], strict=True):
        lines[i] = ",".join([*lines[i].split(",")[:2], text])
    swapped = {lines[i].split(",")[0] for i in chosen}
    Path("swapped.csv").write_text("\n".join(lines) + "\n")
    data = ["data=table", "data.path=swapped.csv", f"data.root={shapes.parent}", "data.fractions=[0.9,0.05,0.05]"]
    arguments = [*data, "clean.text=null", "clean.image=null", "workers=0", "clean.pairs.mismatch.least=0.1"]
    code, _, err = xret("clean", *arguments, "hydra.run.dir=without")
    assert code == 0, err
    assert not [c for c in trail("without") if c["step"] == "mismatch"]
    code, _, err = xret("clean", *arguments, "encoder=light", "encoder.image.image_px=64", "hydra.run.dir=out")
    assert code == 0, err
    found = [c for c in trail("out") if c["step"] == "mismatch"]
    assert {c["row"] for c in found} & swapped
    assert not any(c["applied"] for c in found)
    assert rows("out/pairs.csv") == rows("without/pairs.csv")


def test_a_cell_that_a_spreadsheet_would_run_is_told_and_stays(xret, dirty):
    lines = dirty.read_text().splitlines()
    first = lines[1].split(",")[0]
    dirty.write_text(dirty.read_text().replace(lines[1].split(",")[2], "=1+A1"))
    code, out, err = xret("clean", "data=table", f"data.path={dirty}", *QUICK, "clean.image=null", "hydra.run.dir=out")
    assert code == 0, err
    told = [c for c in trail("out") if c["step"] == "formula"]
    assert [(c["row"], c["before"], c["after"], c["applied"]) for c in told] == [(first, "=1+A1", "'=1+A1", False)]
    assert [row["text"] for row in rows("out/pairs.csv") if row["id"] == first] == ["=1+A1"]
    assert "| formula | text | 0 | 0 | 1 | 0 |" in out
