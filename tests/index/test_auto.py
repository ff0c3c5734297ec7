"""What is chosen keeps its recall, and is no slower than exact search."""

import json

import numpy as np
import pytest

from xret._errors import UserError
from xret.index import _ladder, auto, parity
from xret.index.auto import Auto
from xret.index.flat import Flat
from xret.index.ivf import IVF

QUICK = {"smallest": 100, "seconds": 0.02, "queries": 200}


@pytest.fixture(autouse=True)
def patient(monkeypatch):
    """Let no ladder be left early because the machine is busy."""
    monkeypatch.setattr(_ladder, "_TOO_SLOW", 1e9)


@pytest.fixture
def always_faster(monkeypatch):
    """Let every candidate seem twice as fast as exact search, so that recall alone decides."""
    monkeypatch.setattr(_ladder, "times_as_fast", lambda *_: 2.0)


@pytest.fixture
def hard():
    """Vectors without any structure: the neighbours of a query lie everywhere."""
    rng = np.random.default_rng(0)
    vectors = rng.standard_normal((3000, 48)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def kept(index, targets, queries, plain):
    nearest, overlap = plain
    return overlap(index.search(queries, 10)[0], nearest(queries, targets, 10))


def test_holds_the_contract(holds_the_contract, always_faster):
    holds_the_contract(lambda: Auto(**QUICK), recall=0.9)


@pytest.mark.parametrize("candidate", ["ivf", "ivf_int8", "pq", "ivfpq", "hnsw"])
@pytest.mark.parametrize("sample", [500, 5000])
def test_never_ends_below_the_target_recall(hard, plain, always_faster, candidate, sample):
    targets, queries = hard[:2500], hard[2500:]
    index = Auto(candidates=[candidate], sample=sample, **QUICK)
    index.build([targets[:1000], targets[1000:]], queries[:250])
    assert kept(index, targets, queries[250:], plain) >= 0.93, "0.95, but for chance among 250 queries"


def test_a_step_must_reach_the_recall_with_queries_that_did_not_choose_it(hard, always_faster, monkeypatch):
    told = iter([0.90, 0.96, 0.94, 0.97, 0.96])  # chosen by, chosen by, judged by, chosen by, judged by
    monkeypatch.setattr(_ladder, "recall", lambda *_: {10: next(told)})
    index = IVF()
    index.build([hard])
    known = parity.truth([hard], hard[:50], 10)
    taken = _ladder.climb("ivf", index, known, [hard], 0.95, index, 1.0, (10, 8, 0.01))
    assert (taken.settings, taken.recall) == ({"probes": 3}, 0.96)


def test_effort_is_set_on_all_vectors_not_on_the_sample(hard, always_faster):
    index = Auto(candidates=["ivf"], sample=300, **QUICK)
    index.build([hard])
    on_sample, on_all = index.tried
    assert (on_sample["on"], on_all["on"]) == ("sample", "all")
    assert on_all["probes"] > on_sample["probes"]
    assert index.settings == {"probes": on_all["probes"]}


def test_a_ladder_is_left_where_it_is_slow_and_still_short_of_the_recall(hard, monkeypatch):
    monkeypatch.setattr(_ladder, "_TOO_SLOW", 0)
    index = Auto(candidates=["ivf"], sample=5000, **QUICK)
    index.build([hard])
    assert (index.kind, index.tried) == ("flat", [{"on": "sample", "index": "ivf"}])


@pytest.mark.parametrize("ratio", [0.5, 0.9])
def test_what_is_slower_than_exact_search_is_not_taken(hard, monkeypatch, ratio):
    monkeypatch.setattr(_ladder, "times_as_fast", lambda *_: ratio)
    index = Auto(candidates=["ivf"], sample=5000, **QUICK)
    index.build([hard])
    assert index.kind == "flat"
    assert isinstance(index.inner, Flat)


@pytest.mark.parametrize(("speed", "kind"), [("both", "flat"), ("single", "flat"), ("batch", "ivf")])
def test_fast_in_batches_alone_is_enough_only_where_they_alone_count(hard, monkeypatch, speed, kind):
    monkeypatch.setattr(_ladder, "times_as_fast", lambda *args: 0.8 if args[4] == 1 else 9.0)
    index = Auto(candidates=["ivf"], sample=5000, speed=speed, **QUICK)
    index.build([hard])
    assert index.kind == kind


def test_of_several_the_fastest_is_taken(vectors, shards, monkeypatch):
    monkeypatch.setattr(_ladder, "times_as_fast", lambda index, *_: 3.0 if isinstance(index, IVF) else 2.0)
    index = Auto(candidates=["pq", "ivf"], **QUICK)
    index.build(shards)
    assert index.kind == "ivf"


def test_one_that_misses_on_all_vectors_gives_way_to_the_next(vectors, shards, monkeypatch):
    monkeypatch.setattr(_ladder, "times_as_fast", lambda index, *_: 3.0 if isinstance(index, IVF) else 2.0)
    climb = auto.climb

    def missing(kind, index, known, vectors, *rest):
        return None if kind == "ivf" and len(list(vectors)) > 1 else climb(kind, index, known, vectors, *rest)

    monkeypatch.setattr(auto, "climb", missing)
    index = Auto(candidates=["ivf", "pq"], sample=1000, **QUICK)
    index.build(shards)
    assert [(row["on"], row["index"], "recall" in row) for row in index.tried[2:]] == [
        ("all", "ivf", False),
        ("all", "pq", True),
    ]
    assert index.kind == "pq"


def test_a_slow_builder_is_not_tried_where_another_is_fast(vectors, shards, monkeypatch):
    monkeypatch.setattr(_ladder, "times_as_fast", lambda *_: 6.0)
    index = Auto(candidates=["ivf", "hnsw"], **QUICK)
    index.build(shards)
    assert {row["index"] for row in index.tried} == {"ivf"}


@pytest.mark.parametrize("options", [{"smallest": 2001}, {"recall": 1.0}])
def test_few_vectors_or_no_loss_means_exact_search(shards, options):
    index = Auto(**{**QUICK, **options})
    index.build(shards)
    assert (index.kind, index.tried) == ("flat", [])


def test_a_choice_is_loaded_as_it_was_made(vectors, shards, tmp_path, always_faster):
    index = Auto(candidates=["ivf"], **QUICK)
    index.build(shards)
    index.save(tmp_path)
    again = Auto()
    again.load(tmp_path)
    assert (again.kind, again.settings, again.tried) == (index.kind, index.settings, index.tried)
    assert again.inner.effort == index.inner.effort


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        json.dumps({"index": "evil", "settings": {}, "tried": []}),
        '{"index": "ivf", "settings": {"x": 1}}',
    ],
)
def test_a_broken_choice_is_refused(tmp_path, content):
    (tmp_path / "auto.json").write_text(content)
    with pytest.raises(UserError, match="build the index again"):
        Auto().load(tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"recall": 0},
        {"recall": 1.1},
        {"sample": 10},
        {"queries": 5},
        {"candidates": ["flat"]},
        {"k": 0},
        {"speed": "x"},
    ],
)
def test_refuses_what_is_out_of_range(options):
    with pytest.raises(ValueError, match=r"must be|need"):
        Auto(**options)
