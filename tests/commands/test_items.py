"""Targets of picture and title as their user meets them: trained, measured by part, resumed, refused."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.slow

FROZEN = (
    "encoder.text.train=head",
    "encoder.image.train=head",
    "encoder/projection=linear_dropout",
    "encoder.projection.dim=32",
)
KINDS = ("all_parts", "only_image", "only_title")


def read(name):
    return json.loads(Path(name).read_text())


@pytest.fixture
def titled(shapes, tmp_path):
    """Arguments of a training on shapes with titles: every fifth has none, every seventh no picture, one neither."""
    rows = list(csv.DictReader(shapes.read_text().splitlines()))
    for i, row in enumerate(rows):
        colour = row["id"].split("-")[0]
        row["name"] = "" if i % 5 == 0 else f"{colour[::-1]} thing"
        row["image"] = "" if i % 7 == 0 and i % 5 else row["image"]
        row["group"] = row["id"]
    rows.append({"id": "nothing", "image": "", "text": "a void", "name": "", "group": "nothing"})
    path = tmp_path / "titled.csv"
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return [f"data.path={path}", f"data.root={shapes.parent}", "data.title=name"]


@pytest.fixture
def tiny(small, titled):
    return [*(a for a in small if not a.startswith("data.path")), *titled, "hydra.run.dir=run"]


@pytest.mark.parametrize("items", ["intermediate", "late"])
def test_a_run_reports_every_kind_of_item_and_evaluate_repeats_it(xret, tiny, items):
    width = [] if items == "late" else ["items.width=16"]
    code, out, err = xret("train", *tiny, *FROZEN, f"items={items}", *width)
    assert code == 0, err
    assert "| text → item |" in out
    assert "ridge regression" in out
    metrics = read("run/metrics.json")
    assert metrics["item_weight_image"] + metrics["item_weight_title"] == pytest.approx(1)
    assert ("item_network" in metrics) == (items != "late")
    for direction in ("text_to_item", "item_to_text"):
        prefix = f"test/{direction}/"
        counts = [metrics[f"{prefix}{kind}_queries"] for kind in KINDS]
        assert min(counts) > 0
        assert sum(counts) == metrics[f"{prefix}queries"]
        means = [metrics[f"{prefix}{kind}_mrr"] for kind in KINDS]
        assert np.average(means, weights=counts) == pytest.approx(metrics[f"{prefix}mrr"], abs=1e-6)
        assert {f"{prefix}alone_image_recall_at_1", f"{prefix}alone_title_recall_at_10"} <= metrics.keys()
    assert 0 < metrics["test/items_without_title"] < 0.5
    assert [json.loads(line)["reason"] for line in Path("run/rejected.jsonl").read_text().splitlines()] == ["empty"]
    code, _, err = xret("evaluate", "run=run", "hydra.run.dir=again")
    assert code == 0, err
    again = read("again/metrics.json")
    assert again == {name: metrics[name] for name in again}
    assert "test/text_to_item/only_title_mrr" in again
    assert xret("evaluate", "run=run", "split=val", "hydra.run.dir=val")[0] == 0
    code, _, err = xret("evaluate", "run=run", "attack=fgsm", "hydra.run.dir=attacked")
    assert code == 2
    assert "run has items; take attack=none" in err
    with np.load("run/per_query.npz") as queries:
        assert queries["test/text_to_item/mrr"].mean() == pytest.approx(metrics["test/text_to_item/mrr"], abs=1e-6)


def test_a_run_that_was_killed_ends_as_one_that_was_not(killed_and_whole, tiny):
    arguments = [a for a in tiny if not a.startswith(("hydra", "trainer.max_epochs"))]
    killed_and_whole(*arguments, *FROZEN, "items=early", "items.width=8", "items.drop=0.3", "trainer.max_epochs=8")
    assert read("killed/metrics.json") == read("whole/metrics.json")


def test_encoders_that_train_read_the_parts_they_have_and_pictures_are_drawn(xret, tiny):
    tiny.remove("details=false")
    code, _, err = xret("train", *tiny, "items=late", "items.missing=0.5", "chunk=5", "bank.size=24")
    assert code == 0, err
    assert "begin at random" in Path("run/train.log").read_text()
    assert Path("run/answers.png").is_file()
    assert read("run/cost.json")["latency_ms"]["text_to_item"]["p50"] > 0
    assert read("run/metrics.json")["test/items_without_image"] > 0


def test_one_part_leaves_out_what_lacks_it(xret, tiny):
    code, _, err = xret("train", *tiny, *FROZEN, "items=late", "items.parts=[title]")
    assert code == 0, err
    metrics = read("run/metrics.json")
    assert metrics["item_weight_title"] == 1
    assert metrics["test/items_without_title"] == 0
    reasons = [json.loads(line)["detail"] for line in Path("run/rejected.jsonl").read_text().splitlines()]
    assert reasons.count("no item") == 16


def test_without_items_a_row_needs_its_picture(xret, tiny):
    code, _, err = xret("train", *tiny, "encoder.image.train=head")
    assert code == 0, err
    details = [json.loads(line)["detail"] for line in Path("run/rejected.jsonl").read_text().splitlines()]
    assert details.count("no image") == 9
    assert "test/text_to_image/mrr" in read("run/metrics.json")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["items=late", "fusion=late"], "items and fusion do not go together"),
        (["items=late", "adversarial=fgsm"], "items and adversarial do not go together"),
        (["items=late", "adaptation=coral"], "items and adaptation do not go together"),
        (["items=late", "augmentation=light"], "items and augmentation do not go together"),
        (["items=late", "distillation=logits", "distillation.teacher=x"], "items and distillation do not go together"),
        (["items=late", "data@retention=tuxpaint"], "take retention=null, or items=none"),
        (["items=late", "items.parts=[image,sound]"], "items.parts must be out of image, title, got sound"),
        (["items=late", "items.parts=image"], "must be a list"),
        (["items=late", "items.missing=2"], r"items.missing must be in [0, 1]"),
        (["items=late", "items.lr=0"], "items.lr must be positive"),
        (["items=intermediate", "items.parts=[image]"], "two modalities"),
        (["items=late", "data.title=null"], "has no title"),
    ],
)
def test_what_does_not_go_together_is_told_in_one_line(xret, tiny, arguments, message):
    code, _, err = xret("train", *tiny, *arguments)
    assert code == 2
    assert message in err
    assert len(err.strip().splitlines()) == 1
