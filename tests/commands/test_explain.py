"""Why this pair: on shapes whose colour and form are known, and for files and names that are no such thing."""

import io
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image

from xret.commands._explaining import Explanation, explain_pair, overlay
from xret.commands._reasons import _background
from xret.commands._trained import open_run
from xret.data.reading import read_image
from xret.explain.gradcam import GradCAM

pytestmark = pytest.mark.slow

QUICK = ("steps=4", "randoms=2", "batch.workers=0", "tracker=none")


@pytest.fixture(scope="module")
def trained(tmp_path_factory, shapes):
    """The folder of a run that was trained once for all tests here."""
    from xret.commands._launch import launch

    folder = tmp_path_factory.mktemp("explain")
    more = ["data=table", "encoder=scratch", "tracker=none", "batch.size=16", "batch.workers=0", "details=false"]
    more += ["trainer.max_epochs=4", "trainer.accelerator=cpu", f"data.path={shapes}", f"cache.dir={folder}/cache"]
    assert launch("train", [*more, f"hydra.run.dir={folder}/run"]) == 0
    return folder / "run"


@pytest.fixture
def explain(xret, trained):
    def run(*arguments):
        return xret("explain", f"run={trained}", *QUICK, "hydra.run.dir=out", *arguments)

    return run


def facts():
    return json.loads(Path("out/explanation.json").read_text())


def ids(trained, split):
    """The ids of a split, in the order of the table."""
    from xret.commands._made import load

    rows = load(open_run(trained, []).cfg).rows
    return [row.id for row in rows if row.split == split]


def test_a_row_is_explained_beside_the_best_wrong_answer(explain, trained):
    name = ids(trained, "test")[0]
    code, out, err = explain(f"id={name}")
    assert code == 0, err
    found = facts()
    colour, shape, ground = name.split("-")
    assert [w["word"] for w in found["words"]] == ["a", colour, shape, "on", ground]
    assert found["id"] == name != found["rival"]["id"]
    assert found["rival"]["first"] == (found["rank"] > 1)
    assert (found["rival"]["lead"] >= 0) == (found["rank"] > 1)
    assert found["rival"]["lead"] == pytest.approx(found["rival"]["score"] - found["score"])
    assert found["faithfulness"].keys() >= {"deletion", "insertion", "chance"}
    assert name.replace("-", " ").split()[0] in out
    with Image.open("out/explanation.png") as shown:
        assert shown.width > 600


def test_the_score_and_the_rank_are_those_of_the_vectors(explain, trained):
    from omegaconf import OmegaConf

    from xret.commands._measure import encode_split
    from xret.commands._ranked import prepared_for

    opened = open_run(trained, [])
    plain = OmegaConf.create({"data": None, "batch": {"workers": 0}, "cache": {"dir": None, "max_gb": 1}})
    prepared = prepared_for(plain, opened)
    vectors = encode_split(opened.model, prepared, "test")
    items, _ = prepared.split("test")
    scores = vectors["text"] @ vectors["image"].T
    ranks = (scores >= np.diag(scores)[:, None]).sum(axis=1)
    query = int(ranks.argmax())  # the worst one
    assert ranks[query] > 1
    assert explain(f"id={items['image'].refs[query].removesuffix('.png')}")[0] == 0
    found = facts()
    assert found["rank"] == ranks[query]
    assert found["score"] == pytest.approx(scores[query, query], abs=1e-5)
    assert found["rival"]["image"] == items["image"].refs[int(scores[query].argmax())]


def test_any_picture_and_any_query_are_explained(explain, shapes):
    code, _, err = explain(f"image={shapes.parent}/red-circle-white.png", "query=it's a red, round [thing]: ${HOME}")
    assert code == 0, err
    found = facts()
    assert found["query"] == "it's a red, round [thing]: ${HOME}"
    assert [w["word"] for w in found["words"]] == ["it's", "a", "red", "round", "thing", "HOME"]
    assert found["background"]["told_by"] == "border colour"
    assert 0 <= found["background"]["share"] <= 1
    shape = read_image(shapes.parent / "red-circle-white.png", "", 48, "crop")
    assert found["background"]["area"] == pytest.approx((shape == 255).all(axis=0).mean(), abs=0.03)


def test_many_pairs_are_measured(explain):
    code, out, err = explain("pairs=5")
    assert code == 0, err
    found = json.loads(Path("out/metrics.json").read_text())
    lines = [json.loads(line) for line in Path("out/pairs.jsonl").read_text().splitlines()]
    assert found["test/explain/pairs"] == len(lines) == len({line["id"] for line in lines}) == 5
    better = np.mean([line["deletion"] < line["chance"] for line in lines])
    assert found["test/explain/deletion_better"] == better
    assert found["test/explain/deletion_better_low"] <= better <= found["test/explain/deletion_better_high"]
    assert "| deletion |" in out


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "give one of id=ID, image=FILE"),
        (("id=a", "pairs=3"), "got id, pairs"),
        (("image=x.png",), "go together"),
        (("query=a dog", "id=a"), "go together"),
        (("image=nowhere.png", "query=a dog"), "no file nowhere.png"),
        (("image=.", "query=a dog"), "no file ."),
        (("image=broken.png", "query=a dog"), "cannot read broken.png: undecodable"),
        (("image=huge.png", "query=a dog"), "too_large"),
        (("image=broken.png", "query=' '"), "query must hold a word"),
        (("id=red-circle-whit",), "did you mean red-circle-white"),
        (("id=42",), "has no row with the id '42'"),
        (("pairs=0",), "pairs must be a number of pairs"),
        (("pairs=2", "split=tset"), "split must be train, val or test"),
        (("pairs=2", "away=black"), "away blur or mean"),
        (("pairs=2", "explain=relevance"), "no attention over all patches"),
        (("pairs=2", "explain=grad_cam"), "did you mean gradcam"),
    ],
)
def test_what_cannot_be_explained_is_said_in_one_line(explain, arguments, says):
    Path("broken.png").write_bytes(b"\x89PNG\r\n\x1a\n no picture")
    huge = Image.new("1", (8000, 8000))
    huge.save("huge.png")
    code, _, err = explain(*arguments)
    assert code == 2
    assert says in err
    assert err.count("\n") == 1


def test_a_pair_is_explained_under_inference_mode_and_leaves_the_model_alone(trained, shapes):
    model = open_run(trained, []).model
    before = {name: value.clone() for name, value in model.state_dict().items()}
    picture = read_image(shapes.parent / "red-circle-white.png", "", 64, "crop")
    with torch.inference_mode():
        found = explain_pair(model, picture, "a red circle")
    assert found.heat.shape == (64, 64)
    assert found.heat.dtype == np.float32
    assert found.heat.min() == 0
    assert found.heat.max() == 1
    assert [word for word, _ in found.words] == ["a", "red", "circle"]
    method = GradCAM()  # linear in the score
    one, other = (explain_pair(model, picture, text, method=method) for text in ("a red circle", "a blue bar"))
    against = explain_pair(model, picture, "a red circle", against="a blue bar", method=method)
    assert against.score == pytest.approx(one.score - other.score, abs=1e-5)
    assert np.allclose(against.signed, one.signed - other.signed, atol=1e-4 * np.abs(one.signed).max())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(("place", "warns"), [((slice(0, 6), slice(0, 6)), True), ((20, 20), False)])
def test_heat_on_the_background_is_warned_of(tmp_path, place, warns):
    rgba = np.zeros((48, 48, 4), np.uint8)
    rgba[16:32, 16:32] = (255, 0, 0, 255)
    Image.fromarray(rgba).save(tmp_path / "p.png")
    picture = read_image(tmp_path / "p.png", "", 48, "crop")
    heat = np.zeros((48, 48), np.float32)
    heat[place] = 1
    found = Explanation(0.5, heat, heat, [], [])
    told = _background(found, picture, tmp_path / "p.png", "", SimpleNamespace(image_px=48, fit="crop"))
    assert told["told_by"] == "transparency"
    assert told["area"] == pytest.approx(8 / 9, abs=0.01)
    assert told["share"] == pytest.approx(float(warns), abs=0.01)
    assert told["warning"] == warns


def test_an_overlay_is_coloured_where_it_is_hot_and_grey_elsewhere():
    heat = np.zeros((20, 30), np.float32)
    heat[5:10, 5:10] = 1
    png = overlay(np.full((3, 20, 30), 200, np.uint8), heat)
    shown = np.asarray(Image.open(io.BytesIO(png))).astype(int)
    assert shown.shape == (20, 30, 3)
    spread = np.ptp(shown, axis=-1)
    assert (spread[5:10, 5:10] > 60).all()
    assert spread[heat == 0].max() == 0
    with pytest.raises(ValueError, match="heat must be"):
        overlay(np.zeros((3, 20, 20), np.uint8), heat)


def test_items_are_explained_by_their_picture_with_their_title_held(xret, shapes):
    table = shapes.with_name("titled.csv")
    lines = shapes.read_text().splitlines()
    table.write_text("\n".join([lines[0] + ",title", *(f"{line},{line.split('-')[0]}" for line in lines[1:])]) + "\n")
    more = ["data=table", f"data.path={table}", "data.title=title", "encoder=scratch", "items=late", "tracker=none"]
    more += ["batch.size=16", "batch.workers=0", "details=false", "trainer.max_epochs=1", "trainer.accelerator=cpu"]
    assert xret("train", *more, "hydra.run.dir=run")[0] == 0
    code, _, err = xret("explain", "run=run", *QUICK, "id=red-circle-white", "hydra.run.dir=out")
    assert code == 0, err
    model = open_run(Path("run"), []).model
    picture = read_image(shapes.parent / "red-circle-white.png", "", 64, "crop")
    bare = explain_pair(model, picture, "a red circle on white")
    assert facts()["score"] != pytest.approx(bare.score, abs=1e-4), "the title counts"
    code, _, err = xret("explain", "run=run", *QUICK, f"image={shapes.parent}/red-circle-white.png", "query=red",
                        "hydra.run.dir=file")  # fmt: skip
    assert code == 0, err
