"""Hubs lowered: what a run and an evaluation report with it, and what it may learn from."""

import json
from pathlib import Path

import numpy as np
import pytest

from xret.commands._hubness import Correction
from xret.data.manifest import Items
from xret.hubness.nnn import NNN
from xret.protocol.default import Default

pytestmark = pytest.mark.slow


def read(name):
    return json.loads(Path(name, "metrics.json").read_text())


def test_a_run_reports_both_figures_and_evaluate_repeats_either(xret, small):
    assert xret("train", *small, "hubness=none", "hydra.run.dir=plain")[0] == 0
    code, out, err = xret("train", *small, "hubness=csls", "hydra.run.dir=lowered")
    assert code == 0, err
    assert "plain scores" in out
    plain, lowered = read("plain"), read("lowered")
    direction = "test/text_to_image"
    for name in ("recall_at_10", "mrr", "mrr_low"):
        assert lowered[f"{direction}/plain_{name}"] == plain[f"{direction}/{name}"]
    assert lowered["test/plain_mrr"] == plain["test/mrr"]
    assert lowered[f"{direction}/mrr"] != plain[f"{direction}/mrr"]
    assert np.isfinite(lowered[f"{direction}/hub_skewness"])
    for run, option, wanted in (("plain", "hubness=csls", lowered), ("lowered", "hubness=none", plain)):
        code, _, err = xret("evaluate", f"run={run}", option, f"hydra.run.dir=again_{run}")
        assert code == 0, err
        assert read(f"again_{run}")["test/mrr"] == wanted["test/mrr"]
    assert xret("evaluate", "run=lowered", "hydra.run.dir=own")[0] == 0
    assert {n: v for n, v in read("own").items() if n.startswith("test/")} == {
        n: v for n, v in lowered.items() if n.startswith("test/")
    }


def test_hubs_are_lowered_unless_told_otherwise_and_never_where_there_is_nothing_to_learn_from(xret, small, shapes):
    assert xret("train", *small, "hydra.run.dir=run")[0] == 0
    assert "test/text_to_image/plain_mrr" in read("run")
    other = shapes.with_name("other.csv")
    lines = shapes.read_text().splitlines()
    other.write_text("\n".join([lines[0] + ",split", *(f"{line},test" for line in lines[1:31])]) + "\n")
    asked = ["run=run", "data=table", f"data.path={other}"]
    code, out, err = xret("evaluate", *asked, "hydra.run.dir=plain")
    assert code == 0, err
    assert "other has no training split to learn from; its scores stay plain" in out
    assert "test/text_to_image/mrr" in read("plain")
    assert "test/text_to_image/plain_mrr" not in read("plain")
    code, _, err = xret("evaluate", *asked, "hubness=csls", "hydra.run.dir=asked")
    assert (code, "other has no rows in the split 'train'" in err) == (2, True)


def test_a_second_stage_orders_the_answers_of_the_corrected_scores(xret, small):
    settings = ["hubness=csls", "fusion=late", "fusion.rerank_k=3", "leaks=off"]
    code, _, err = xret("train", *small, *settings, "hydra.run.dir=both")
    assert code == 0, err
    metrics, name = read("both"), "test/text_to_image"
    assert metrics[f"{name}/recall_at_5"] == metrics[f"{name}/reranked_recall_at_5"]  # three candidates leave it
    assert metrics[f"{name}/plain_mrr"] != metrics[f"{name}/first_mrr"]
    assert xret("evaluate", "run=both", "hydra.run.dir=again")[0] == 0
    again = read("again")
    assert {n: v for n, v in again.items() if n.startswith(name)} == {
        n: v for n, v in metrics.items() if n.startswith(name)
    }


def test_each_direction_has_the_bank_of_those_who_ask_and_no_query_of_the_split_changes_it():
    rng = np.random.default_rng(0)
    draw = lambda n: (v := rng.standard_normal((n, 4)).astype(np.float32)) / np.linalg.norm(v, axis=1)[:, None]  # noqa: E731
    banks = {"text": draw(9), "image": draw(8)}
    vectors = {"text": draw(6), "image": draw(5)}
    counts = {"text": 6, "image": 5}
    tasks = Default()({m: Items(m, ("",) * n, np.arange(n)) for m, n in counts.items()})
    give = Correction(NNN(0.5, 3), banks).of(vectors)
    for task in tasks:
        wide = give(task)
        nearest = np.sort(vectors[task.target] @ banks[task.query].T, axis=1)[:, -3:].mean(axis=1)
        np.testing.assert_allclose(wide[task.target][:, -1], -0.5 * nearest, atol=1e-6)
        on = np.ones(counts[task.query])
        np.testing.assert_array_equal(wide[task.query], np.column_stack([vectors[task.query], on]))
