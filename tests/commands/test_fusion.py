"""A second stage as its user meets it: trained, reported, measured again, compared."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

pytestmark = pytest.mark.slow

FROZEN = (
    "encoder.text.train=head",
    "encoder.image.train=head",
    "encoder/projection=linear",
    "encoder.projection.dim=32",
)


def read(name):
    return json.loads(Path(name).read_text())


@pytest.fixture
def tiny(small):
    return [*small, "fusion.width=16", "details=false", "hydra.run.dir=run"]


@pytest.mark.parametrize("fusion", ["early", "intermediate", "late"])
def test_a_run_reports_both_stages_and_evaluate_repeats_them(xret, tiny, fusion):
    code, out, err = xret("train", *tiny, f"fusion={fusion}", "fusion.rerank_k=6")
    assert code == 0, err
    assert "| text → image, re-ranked top 6 |" in out
    assert "|   first stage |" in out
    metrics = read("run/metrics.json")
    for direction in ("text_to_image", "image_to_text"):
        prefix = f"test/{direction}/"
        for name in ("recall_at_1", "mrr", "mrr_low", "mrr_high", "median_rank"):
            assert metrics[prefix + name] == metrics[f"{prefix}reranked_{name}"]
            assert f"{prefix}first_{name}" in metrics
        assert metrics[f"{prefix}first_recall_at_10"] == metrics[f"{prefix}recall_at_10"]  # 10 is beyond k
    assert {"test/reranked_rsum", "test/first_mrr", "rerank_share"} <= metrics.keys()
    with np.load("run/per_query.npz") as queries:
        one = queries["test/text_to_image/first_mrr"]
        assert one.shape == queries["test/text_to_image/mrr"].shape
        assert one.mean() == pytest.approx(metrics["test/text_to_image/first_mrr"], abs=1e-6)
    code, out, err = xret("evaluate", "run=run", "hydra.run.dir=again")
    assert code == 0, err
    again = read("again/metrics.json")
    assert again == {name: metrics[name] for name in again}
    assert read("again/cost.json")["rerank_latency_ms"]["text_to_image"]["p95"] > 0
    names = torch.load("run/checkpoints/best.ckpt", weights_only=True)["state_dict"]
    assert any(name.startswith("model.matcher.readers.image") for name in names)


def test_the_first_stage_may_keep_the_plain_names(xret, tiny):
    code, out, err = xret("train", *tiny, "fusion=late", "fusion.report=first", "fusion.share=0.25")
    assert code == 0, err
    assert "| text → image |" in out
    assert "|   re-ranked top 50 |" in out
    metrics = read("run/metrics.json")
    assert "test/text_to_image/reranked_recall_at_1" in metrics
    assert not [name for name in metrics if "first_" in name]
    assert metrics["rerank_share"] == read("run/rerank.json")["share"] == 0.25


def test_frozen_encoders_store_both_and_begin_in_closed_form_and_ridge_is_the_same(xret, tiny):
    for name, fusion in (("run", "late"), ("again", "late"), ("without", "none")):
        width = [] if fusion == "none" else ["fusion.width=16"]
        arguments = [a for a in tiny if not a.startswith(("fusion", "hydra"))]
        code, _, err = xret("train", *arguments, *FROZEN, f"fusion={fusion}", *width, f"hydra.run.dir={name}")
        assert code == 0, err
    log = Path("again/train.log").read_text()
    assert "from the cache" in log
    assert "begins at random" not in log
    assert "4 stored" in xret("cache")[1]  # with tokens and without
    assert read("run/metrics.json") == read("again/metrics.json")
    ridge = [{k: v for k, v in read(f"{n}/metrics.json").items() if "/ridge_" in k} for n in ("run", "without")]
    assert ridge[0]
    assert ridge[0] == ridge[1]


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("fusion.share=1.5", "share must be in"),
        ("fusion.rerank_k=1", "rerank_k must be at least 2"),
        ("fusion.report=second", "first or reranked"),
    ],
)
def test_settings_that_make_no_second_stage_are_the_users_to_mend(xret, tiny, argument, message):
    code, _, err = xret("train", *tiny, "fusion=late", argument)
    assert code == 2
    assert message in err
