"""What follows the index: hubs lowered and second measures, against everything computed at once."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from xret.commands._answering import Answering, Query
from xret.commands._rerank import Mix
from xret.commands._second import Kept
from xret.data.reading import read_image
from xret.hubness.csls import CSLS
from xret.hubness.qb_norm import QBNorm
from xret.model.pairs import pair_logits, read
from xret.rerank.attributes import Attributes
from xret.rerank.cosine_euclid import CosineEuclid
from xret.rerank.fusion import Fusion

pytestmark = pytest.mark.slow
ASKED = ("a red circle on white", "a brown bar on beige", "something grey")


@pytest.fixture(scope="module")
def made(shapes, tmp_path_factory):
    """A run with a second stage, vectors of all its data, and an index that knows of its hubs."""
    from xret.commands._launch import launch

    top = tmp_path_factory.mktemp("second")
    table = shapes.with_name("coloured.csv")
    lines = shapes.read_text().splitlines()
    table.write_text("\n".join([f"{lines[0]},colour", *(f"{line},{line.split('-')[0]}" for line in lines[1:])]) + "\n")
    small = ["data=table", f"data.path={table}", "encoder=scratch", "tracker=none", "batch.size=16", "batch.workers=0"]
    small += ["trainer.max_epochs=3", "trainer.accelerator=cpu", "details=false", "fusion=late", "leaks=off"]
    steps = [
        ("train", *small, f"hydra.run.dir={top}/run"),
        ("embed", f"run={top}/run", "workers=0", f"hydra.run.dir={top}/vec"),
        ("build", f"vectors={top}/vec", "hubness=csls", "parity.seconds=0.01", f"hydra.run.dir={top}/idx"),
        ("build", f"vectors={top}/vec", "hubness=qb_norm", "parity.seconds=0.01", f"hydra.run.dir={top}/qb"),
    ]
    for command, *arguments in steps:
        assert launch(command, arguments) == 0, command
    return top


@pytest.fixture(scope="module")
def vectors(made):
    return {m: np.load(made / f"vec/{m}/00000.npy") for m in ("text", "image")}


def train_texts(made, vectors):
    import pyarrow.parquet as pq

    splits = pq.read_table(made / "vec/text/00000.parquet")["split"].to_pylist()
    return vectors["text"][np.array(splits) == "train"]


def order(answering, value, k=80):
    return [answer.position for answer in answering([Query(value, k)]).answers[0]]


@pytest.mark.parametrize(("name", "method"), [("idx", CSLS()), ("qb", QBNorm())])
def test_texts_are_answered_with_hubs_lowered_by_the_training_texts_and_pictures_are_not(made, vectors, name, method):
    lowered, plain = Answering(made / name), Answering(made / name, hubs=False)
    bias = method(train_texts(made, vectors), vectors["image"])
    moved = 0
    for text in ASKED:
        query = plain.encode([text])
        asked, ranked = bias.widened(query, vectors["image"])
        assert order(lowered, text) == np.argsort(-(asked @ ranked.T)[0], kind="stable").tolist()
        assert order(plain, text) == np.argsort(-(query @ vectors["image"].T)[0], kind="stable").tolist()
        moved += order(lowered, text) != order(plain, text)
    assert moved
    picture = plain.picture(Path(plain.item(3)["path"]))
    assert order(lowered, picture) == order(plain, picture)


def pictures(answering):
    encoder = answering.trained.model.encoders["image"]
    paths = [answering.item(i)["path"] for i in range(answering.facts.items)]
    return encoder.collate([read_image(Path(p), "", encoder.image_px, encoder.fit) for p in paths])


@torch.inference_mode()
def test_cosine_euclid_orders_the_first_by_the_distance_of_features_and_leaves_the_rest(made):
    answering = Answering(made / "idx", reranker=CosineEuclid(depth=9), hubs=False)
    plain = Answering(made / "idx", hubs=False)
    features = answering.trained.model.encoders["image"](pictures(answering)).vector.numpy()
    picture = plain.picture(Path(plain.item(5)["path"]))
    for value, reference in ((picture, lambda _: features[5]), (ASKED[0], lambda first: features[first[0]])):
        first = order(plain, value)
        distance = np.linalg.norm(features[first[:9]] - reference(first), axis=1)
        assert order(answering, value) == [first[i] for i in np.argsort(distance, kind="stable")] + first[9:]


@torch.inference_mode()
def test_fusion_orders_the_first_as_the_run_was_measured(made):
    answering = Answering(made / "idx", reranker=Fusion(depth=12), hubs=False)
    plain = Answering(made / "idx", hubs=False)
    model = plain.trained.model
    targets = read(model, "image", pictures(plain))
    mix = Mix.load(plain.trained.record)
    for text in ASKED:
        found = plain([Query(text, 80)]).answers[0]
        first = np.array([answer.position for answer in found])
        query = read(model, "text", model.encoders["text"].collate([text]))
        logits = pair_logits(model, "text", query, "image", targets, first[None, :12])
        scores = mix(np.array([[a.score for a in found[:12]]], np.float32), logits)[0]
        assert order(answering, text) == [*first[:12][np.argsort(-scores, kind="stable")], *first[12:]]


def test_attributes_named_in_the_query_come_first(made):
    answering = Answering(made / "idx", reranker=Attributes(depth=80, weight=3.0))
    found = answering([Query("the pink ones", 80)]).answers[0]
    assert [answer.id.startswith("pink") for answer in found] == [True] * 8 + [False] * 72


def test_what_is_known_of_hubs_follows_additions_and_deletions(made, vectors, xret):
    ids = [Answering(made / "qb").item(i)["id"] for i in (0, 7)]
    for change in (f"delete=[{','.join(ids)}]", f"vectors={made}/vec"):
        code, _, err = xret("build", f"into={made}/qb", change)
        assert code == 0, err
        version = (made / "qb/current").resolve()
        import pyarrow.parquet as pq

        known = {item.as_py(): row for row, item in enumerate(pq.read_table(made / "vec/image/00000.parquet")["id"])}
        rows = [known[item.as_py()] for item in pq.read_table(version / "items.parquet")["id"]]
        assert len(rows) == (78 if "delete" in change else 80)
        bias = QBNorm()(train_texts(made, vectors), vectors["image"][rows])
        np.testing.assert_allclose(np.load(version / "hubs.npy"), bias.values, atol=1e-5)
        np.testing.assert_array_equal(np.load(version / "active.npy"), bias.active)


def test_an_index_of_texts_or_without_training_texts_keeps_its_scores(made, xret):
    code, _, err = xret("embed", f"run={made}/run", "split=test", "workers=0", "hydra.run.dir=vec")
    assert code == 0, err
    for name, *extra in (["a"], ["b", "target=text"]):
        words = ["vectors=vec", "hubness=csls", "parity.seconds=0.01", *extra, f"hydra.run.dir={name}"]
        code, out, err = xret("build", *words)
        assert code == 0, err
        assert json.loads(Path(name, "current/index.json").read_text())["hubness"] == {}
        assert "hubs stay as they are" in out


def test_a_rerank_that_looks_at_pictures_needs_an_index_of_pictures(made, xret):
    code, _, err = xret("build", f"vectors={made}/vec", "target=text", "parity.seconds=0.01", "hydra.run.dir=texts")
    assert code == 0, err
    code, _, err = xret("search", "index=texts", "query=red", "rerank=cosine_euclid")
    assert (code, "looks at pictures, and the index holds texts" in err) == (2, True)


def test_what_was_made_for_an_item_is_kept_for_the_last_ones_asked_for():
    asked = []
    kept = Kept(lambda positions: asked.append(list(positions)) or [10 * p for p in positions], most=3)
    assert kept([1, 2, 1]) == [10, 20, 10]
    assert kept([2, 3]) == [20, 30]
    assert kept([2, 4]) == [20, 40]
    assert kept([1]) == [10]
    assert asked == [[1, 2], [3], [4], [1]]
