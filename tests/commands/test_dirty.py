"""Dirt as the user of `dirty` meets it: tables and pictures that tell exactly what was changed."""

import csv
import hashlib
import json
import math
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from xret.data.table import Table

GROUPS = 60
SPLITS = ("train", "train", "train", "val", "test")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 20"><rect x="10" width="20" height="20"/></svg>'


def table(path):
    with Path(path).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def goods(tmp_path_factory):
    """The path of a table: two captions for each of 60 pictures, one of them a drawing, one broken."""
    folder = tmp_path_factory.mktemp("goods")
    rows = [["id", "image", "text", "group", "split", "weight", "lang", "style", "maker", "shop"]]
    for number in range(GROUPS):
        name = f"{number}.png"
        picture = Image.new("RGBA", (32, 24), (0, 0, 0, 0))
        ImageDraw.Draw(picture).ellipse((4, 3, 27, 20), fill=(number * 4, 90, 200, 255))
        picture.save(folder / name)
        if number == 7:
            name = "7.svg"
            (folder / name).write_text(SVG)
        if number == 8:
            (folder / name).write_bytes((folder / name).read_bytes()[:60])
        for caption in range(2):
            text = f"A blue ball number {number}, picture {caption}."
            facts = [f"g{number}", SPLITS[number % 5], "0.5", "en", ("retro style", "modern", "toys")[number % 3]]
            rows.append([f"{number}/{caption}", name, text, *facts, f"maker {number} {caption}", "one"])
    with (folder / "pairs.csv").open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder / "pairs.csv"


@pytest.fixture
def dirty(xret, goods):
    """Dirty the table; returns its rows and those of the dirt."""

    def run(name, *arguments, path=goods):
        code, out, err = xret(
            "dirty", "data=table", f"data.path={path}", "workers=0", *arguments, f"hydra.run.dir={name}"
        )
        assert code == 0, err
        assert out.rstrip().endswith(f"train data=table data.path={Path(name, 'pairs.csv').resolve()}")
        return table(f"{name}/pairs.csv"), table(f"{name}/dirt.csv")

    return run


def test_the_dirt_table_tells_exactly_what_differs(dirty, goods):
    rows, dirt = dirty("out", "dirt.swapped.share=0.2")
    before = table(goods)
    assert [r["id"] for r in rows] == [r["id"] for r in before]
    changed = set()
    for old, new in zip(before, rows, strict=True):
        for field in ("group", "split", "weight", "lang", "maker", "shop"):
            assert new[field] == old[field]
        changed |= {(old["id"], f) for f in ("text", "style") if new[f] != old[f]}
        clean = f"media/{old['image']}"
        same = new["image"] == clean
        changed |= set() if same else {(old["id"], "image")}
        assert Path("out", new["image"]).is_file()
        if same:
            assert Path("out", clean).read_bytes() == goods.with_name(old["image"]).read_bytes()
    assert {(d["id"], d["field"]) for d in dirt} == changed
    for old, new in zip(before, rows, strict=True):
        for field in ("text", "style", "image"):
            chain = [d for d in dirt if (d["id"], d["field"]) == (old["id"], field)]
            if chain:
                assert chain[0]["before"] == old[field]
                assert chain[-1]["after"] == new[field]
    kinds = {d["kind"] for d in dirt}
    assert kinds >= {"boilerplate", "promotion", "margins", "watermark", "label", "swapped"}


def test_swapped_rows_hold_the_text_of_the_row_that_is_named(dirty, goods):
    rows, dirt = dirty("out", "dirt=swapped", "dirt.swapped.share=0.4")
    text = {r["id"]: r["text"] for r in table(goods)}
    group = {r["id"]: (r["split"], r["group"]) for r in table(goods)}
    partner = {d["id"]: json.loads(d["planted"])["with"] for d in dirt}
    assert len(partner) > 20
    for row in rows:
        other = partner.get(row["id"], row["id"])
        assert row["text"] == text[other]
        if other != row["id"]:
            assert group[row["id"]][0] == group[other][0]
            assert group[row["id"]][1] != group[other][1]


def test_both_rows_of_a_picture_show_the_same_dirty_file_and_its_true_box(dirty):
    rows, dirt = dirty("out", "dirt=images", "dirt.images.watermark=0", "dirt.images.jpeg=0", "dirt.images.rotation=0")
    shown = {}
    for row in rows:
        shown.setdefault(row["group"], set()).add(row["image"])
    assert all(len(files) == 1 for files in shown.values())
    assert {d["kind"] for d in dirt} == {"margins"}
    for one in dirt:
        assert one["after"].endswith(".png")
        what = json.loads(one["planted"])
        pixels = np.asarray(Image.open(Path("out", one["after"]))).astype(int)
        ground = [int(what["colour"][i : i + 2], 16) for i in (1, 3, 5)]
        rows_hit, columns_hit = (np.flatnonzero((pixels != ground).any(axis=(2, axis))) for axis in (1, 0))
        assert what["box"] == [columns_hit[0], rows_hit[0], columns_hit[-1] + 1, rows_hit[-1] + 1]
    files = {row["image"] for row in rows if row["image"].startswith("images/")}
    assert {f"images/{p.name}" for p in Path("out/images").iterdir()} == files
    assert not Path("out/media", dirt[0]["before"]).exists(), "a picture that was changed is not there twice"


def test_a_drawing_gets_dirty_and_a_broken_picture_stays_broken(dirty, xret, goods):
    shares = ["dirt.images.margins=1", "dirt.images.watermark=1"]
    rows, dirt = dirty("out", "dirt=images", *shares)
    of = {r["id"]: r["image"] for r in rows}
    assert of["7/0"].startswith("images/7-")
    box = next(json.loads(d["planted"])["box"] for d in dirt if d["id"] == "7/0" and d["kind"] == "margins")
    assert (box[2] - box[0]) / (box[3] - box[1]) == pytest.approx(1.0, rel=0.05)  # a square in the middle of 40 x 20
    assert of["8/0"] == "media/8.png"
    assert sum(r["image"].startswith("media/") for r in rows) == 2


def test_splits_that_are_not_named_stay_as_they_are(dirty):
    whole, _ = dirty("none", "dirt=labels", "dirt.labels.share=0.01", "dirt.splits=[train]")
    rows, dirt = dirty("out", "dirt.splits=[train]")
    split = {r["id"]: r["split"] for r in rows}
    assert {split[d["id"]] for d in dirt} == {"train"}
    assert [r for r in rows if r["split"] != "train"] == [r for r in whole if r["split"] != "train"]
    lines = [Path(name, "pairs.csv").read_bytes().splitlines() for name in ("none", "out")]
    assert {x for x in lines[0] if b",train," not in x} == {x for x in lines[1] if b",train," not in x}


def digests(folder):
    return {
        p.relative_to(folder): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(Path(folder).rglob("*.*"))
    }


def test_the_seed_decides_every_byte(dirty):
    for name, seed, workers in (("a", 0, 0), ("b", 0, 2), ("c", 1, 0)):
        dirty(name, f"dirt.seed={seed}", f"workers={workers}")
    assert digests("a") == digests("b"), "one process and two do the same"
    facts = [json.loads(Path(name, "dirt.json").read_text()) for name in "abc"]
    for key in ("sha256", "pairs_sha256", "images_sha256"):
        assert facts[0][key] == facts[1][key] != facts[2][key]
    assert facts[0]["sha256"] == hashlib.sha256(Path("a/dirt.csv").read_bytes()).hexdigest()
    assert facts[0]["pairs_sha256"] == hashlib.sha256(Path("a/pairs.csv").read_bytes()).hexdigest()
    counts = {}
    for one in table("a/dirt.csv"):
        counts[one["kind"]] = counts.get(one["kind"], 0) + 1
    assert facts[0]["planted"] == counts
    assert facts[0]["rows"] == len({d["id"] for d in table("a/dirt.csv")})


def test_neither_the_order_of_rows_nor_new_ones_change_the_dirt_of_the_others(dirty, goods, tmp_path):
    kept = tmp_path / "goods"
    shutil.copytree(goods.parent, kept)
    header, *lines = goods.read_text().splitlines()
    random.Random(0).shuffle(lines)
    (kept / "part.csv").write_text("\n".join([header, *lines[:90]]) + "\n")
    (kept / "mixed.csv").write_text("\n".join([header, *lines]) + "\n")
    rows, dirt = dirty("whole", "dirt.swapped=null")
    for name in ("mixed", "part"):
        others, other_dirt = dirty(name, "dirt.swapped=null", path=kept / f"{name}.csv")
        ids = {r["id"] for r in others}
        assert sorted(map(str, others)) == sorted(str(r) for r in rows if r["id"] in ids)
        assert sorted(map(str, other_dirt)) == sorted(str(d) for d in dirt if d["id"] in ids)


def test_pools_dirty_the_same_rows_with_other_things(dirty):
    _, seen = dirty("seen", "dirt=captions")
    _, unseen = dirty("unseen", "dirt=captions", "dirt.pool=unseen")
    kinds = [{(d["id"], d["kind"]) for d in dirt} for dirt in (seen, unseen)]
    assert len(kinds[0] ^ kinds[1]) < 0.05 * len(kinds[0])
    phrases = [{json.loads(d["planted"]).get("phrase", "") for d in dirt} - {""} for dirt in (seen, unseen)]
    assert not phrases[0] & phrases[1]


def test_shares_of_a_data_set_are_within_five_sigma(dirty):
    _, dirt = dirty("out", "dirt=labels", "dirt.labels.share=0.4")
    assert abs(len(dirt) - 0.4 * 2 * GROUPS) < 5 * math.sqrt(2 * GROUPS * 0.4 * 0.6)
    assert {d["field"] for d in dirt} == {"style"}, "neither what all rows share nor what one has alone is a label"


def test_the_table_is_what_the_source_of_tables_reads(dirty, goods):
    rows, _ = dirty("out")
    before, after = (Table(str(path)).load() for path in (goods, "out/pairs.csv"))
    assert not after.rejected
    for old, new, row in zip(before.rows, after.rows, rows, strict=True):
        assert (new.id, new.group, new.split, new.weight, new.lang) == (old.id, old.group, old.split, 0.5, "en")
        assert new.inputs == {"text": row["text"], "image": row["image"]}
        assert new.attributes == {"style": row["style"], "maker": row["maker"], "shop": "one"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dirt=mixd"], "did you mean mixed?"),
        (["dirt.captions.promotions=0.1"], "did you mean dirt.captions.promotion"),
        (["dirt.captions.html=2"], "html must be in [0, 1], got 2"),
        (["workers=-1"], "workers must not be negative"),
        (["dirt.pool=uneen"], "pool must be seen or unseen"),
        (["dirt.splits=[trian]"], "splits must hold some of train, val, test"),
        (["dirt.labels.attributes=[styl]"], "has no attribute 'styl'; it has maker, shop, style"),
        (["dirt.swapped.what=audio"], "has no audio; it has"),
        (["dirt=labels", "dirt.labels.share=0"], "nothing was planted in the 120 rows of train, val, test"),
        (["dirt=captions", "dirt.captions=null"], "needs one of captions, images, labels and swapped"),
    ],
)
def test_a_mistake_is_one_line(xret, goods, arguments, message):
    code, _, err = xret("dirty", "data=table", f"data.path={goods}", *arguments, "hydra.run.dir=out")
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("out/pairs.csv").exists()


def test_never_writes_over_pairs_that_are_there(dirty, xret, goods):
    dirty("out", "dirt=captions")
    code, _, err = xret("dirty", "data=table", f"data.path={goods}", "hydra.run.dir=out")
    assert code == 2
    assert "holds pairs.csv already" in err
