"""Labels as the user of `label` meets them: tables, who said what, and a training that hears the weights."""

import csv
import json
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COLOUR = "attributes={colour: [red, green, blue, yellow]}"


def rows(path):
    with Path(path).open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def label(xret, shapes):
    """Label the shapes by their captions, or what else the arguments say; returns what was printed."""

    def run(*arguments, path=shapes, code=0):
        found, out, err = xret("label", "data=table", f"data.path={path}", "batch.workers=0", *arguments)
        assert found == code, err
        return err if code else out

    return run


def test_captions_are_labelled_and_everything_else_stays(label, shapes):
    before = shapes.read_text()
    out = label(COLOUR, "hydra.run.dir=out")
    assert shapes.read_text() == before
    found = rows("out/pairs.csv")
    originals = {row["id"]: row for row in csv.DictReader(before.splitlines())}
    assert {row["id"]: row["text"] for row in found} == {name: row["text"] for name, row in originals.items()}
    for row in found:
        colour = row["id"].partition("-")[0]
        known = colour in ("red", "green", "blue", "yellow")
        told = (row["colour"], row["colour_source"], row["colour_confidence"], row["weight"])
        assert told == ((colour, "lexicon", "0.9000", "1.0") if known else ("", "", "", "1.0"))
        assert Path("out", row["image"]).read_bytes() == (shapes.parent / originals[row["id"]]["image"]).read_bytes()
    told = rows("out/labels.csv")
    assert len(told) == 32
    assert told[0] == {
        "row": "red-circle-white", "attribute": "colour", "label": "red", "source": "lexicon",
        "confidence": "0.9000", "written": "true",
    }  # fmt: skip
    facts = json.loads(Path("out/label.json").read_text())["attributes"]["colour"]
    assert facts["labels"] == dict.fromkeys(("red", "green", "blue", "yellow"), 8)
    assert (facts["known"], facts["given"], facts["without"]) == (0, 32, 48)
    assert "colour: 32 labels given, 0 were there, 48 rows without" in out
    assert out.rstrip().endswith(f"data=table data.path={Path('out/pairs.csv').resolve()}")


def test_labels_that_are_there_stay_unless_they_may_be_replaced_and_tell_what_others_are_worth(label, shapes):
    table = shapes.with_name("known.csv")
    lines = ["id,image,text,colour"]
    lines += [f"{c},{c}-bar-white.png,a {c} bar,{k}" for c, k in (("red", "red"), ("blue", "navy"), ("green", ""))]
    table.write_text("\n".join(lines) + "\n")
    label(COLOUR, "hydra.run.dir=out", path=table)
    found = {row["id"]: row for row in rows("out/pairs.csv")}
    assert [found[name]["colour"] for name in ("red", "blue", "green")] == ["red", "navy", "green"]
    assert [found[name]["colour_source"] for name in ("red", "blue", "green")] == ["", "", "lexicon"]
    worth = json.loads(Path("out/label.json").read_text())["attributes"]["colour"]["sources"]["lexicon"]
    kappa = pytest.approx((0.5 - 0.25) / (1 - 0.25))  # red by both at once: by chance 1 / 2 * 1 / 2
    assert worth["against_known"]["all"] == {"known": 2, "coverage": 1.0, "accuracy": 0.5, "kappa": kappa}
    label(COLOUR, "overwrite=true", "hydra.run.dir=again", path=table)
    found = {row["id"]: row for row in rows("again/pairs.csv")}
    assert [found[name]["colour"] for name in ("red", "blue", "green")] == ["red", "blue", "green"]


def test_too_little_confidence_gives_no_label(label):
    out = label("attributes={colour: [red, beige]}", "min_confidence=0.5", "hydra.run.dir=out")
    found = {row["id"]: row["colour"] for row in rows("out/pairs.csv")}
    assert found["red-bar-white"] == "red"
    assert found["red-bar-beige"] == ""  # two labels share 0.9
    assert "colour: 40 labels given" in out


def test_the_weight_of_a_label_reaches_the_table_that_trains(label, xret, small):
    from xret.data.table import Table

    label(COLOUR, "weighted=true", "label.certainty=0.25", "hydra.run.dir=out")
    manifest = Table("out/pairs.csv").load()
    assert {row.weight for row in manifest.rows if row.attributes.get("colour")} == {0.25}
    assert {row.weight for row in manifest.rows if not row.attributes.get("colour")} == {1.0}
    run = [a for a in small if not a.startswith("data.path")] + ["data.path=out/pairs.csv"]
    code, _, err = xret("train", *run, "trainer.max_epochs=1", "hydra.run.dir=run")
    assert code == 0, err
    assert Path("run/rejected.jsonl").read_text() == ""


def test_the_format_of_the_input_is_kept(label, shapes):
    table = shapes.with_name("pairs.jsonl")
    table.write_text('{"id": "a", "image": "red-bar-white.png", "text": "a red bar"}\n')
    label(COLOUR, "media=false", "hydra.run.dir=out", path=table)
    assert json.loads(Path("out/pairs.jsonl").read_text())["colour"] == "red"
    assert not Path("out/media").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["attributes={text: [red]}"], "text is a column"),
        (["attributes={colour: red}"], "must be a list of labels"),
        (["attributes={size: null}"], "no list for 'size'"),
        (["min_confidence=2"], "min_confidence must be in [0, 1]"),
        (["label=lexikon"], "did you mean lexicon?"),
        (["label.several=last"], "several must be one of first, specific"),
        (["label=neighbours"], "run=DIR"),
        (["label=zeroshot"], "encoder=clip"),
        (["label=neighbours", "run=/nowhere"], "is no run folder"),
    ],
)
def test_a_mistake_is_one_line(label, arguments, message):
    err = label(*arguments, "hydra.run.dir=out", code=2)
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("out/pairs.csv").exists()


def test_a_folder_is_not_labelled_twice(label):
    label(COLOUR, "limit=2", "hydra.run.dir=out")
    assert "already" in label(COLOUR, "limit=2", "hydra.run.dir=out", code=2)
