"""Figures per query, against trec_eval's code, ir-measures and plain loops."""

import ir_measures
import numpy as np
import pytest
import pytrec_eval
from ir_measures import AP, RR, P, R, Success, nDCG

from xret.metric.ranks import ranks_from_scores
from xret.metric.retrieval import KS, MEANS, per_query


def graded_case(seed, queries=25, targets=60):
    """Return scores without ties, a dense matrix of gains (0 for irrelevant), and it as sparse rows."""
    rng = np.random.default_rng(seed)
    scores = np.stack([rng.permutation(targets) for _ in range(queries)]) / targets - 0.5  # half of them negative
    dense = rng.integers(0, 4, (queries, targets)) * (rng.random((queries, targets)) < rng.random((queries, 1)) * 0.6)
    dense[np.arange(queries), rng.integers(0, targets, queries)] = 1 + rng.integers(0, 3, queries)
    rows, columns = np.nonzero(dense)
    relevance = (
        np.concatenate(([0], np.cumsum(np.bincount(rows, minlength=queries)))),
        columns,
        dense[rows, columns].astype(np.float32),
    )
    return scores, dense, relevance


def as_dictionaries(scores, dense):
    qrels = {str(i): {str(j): int(g) for j, g in enumerate(row) if g} for i, row in enumerate(dense)}
    run = {str(i): {str(j): float(s) for j, s in enumerate(row)} for i, row in enumerate(scores)}
    return qrels, run


@pytest.mark.parametrize("seed", range(6))
def test_equals_trec_eval(seed):
    scores, dense, relevance = graded_case(seed)
    figures = per_query(ranks_from_scores(scores, relevance), relevance)
    qrels, run = as_dictionaries(scores, dense)
    names = {f"P_{k}": f"precision_at_{k}" for k in KS} | {f"recall_{k}": f"set_recall_at_{k}" for k in KS}
    names |= {f"success_{k}": f"recall_at_{k}" for k in KS}
    names |= {"map": "map", "recip_rank": "mrr", "ndcg_cut_10": "ndcg_at_10"}
    measures = {"P.1,5,10", "recall.1,5,10", "success.1,5,10", "map", "recip_rank", "ndcg_cut.10"}
    theirs = pytrec_eval.RelevanceEvaluator(qrels, measures).evaluate(run)
    for their_name, our_name in names.items():
        expected = [theirs[str(i)][their_name] for i in range(len(scores))]
        np.testing.assert_allclose(figures[our_name], expected, atol=1e-6, err_msg=our_name)


@pytest.mark.parametrize("seed", range(3))
def test_means_equal_ir_measures(seed):
    scores, dense, relevance = graded_case(seed)
    figures = per_query(ranks_from_scores(scores, relevance), relevance)
    names = {AP: "map", RR: "mrr", nDCG @ 10: "ndcg_at_10"}
    for k in KS:
        names |= {P @ k: f"precision_at_{k}", R @ k: f"set_recall_at_{k}", Success @ k: f"recall_at_{k}"}
    theirs = ir_measures.calc_aggregate(list(names), *as_dictionaries(scores, dense))
    for measure, name in names.items():
        assert figures[name].mean(dtype=np.float64) == pytest.approx(theirs[measure], abs=1e-6), name


@pytest.mark.parametrize("seed", range(3))
def test_equals_a_plain_loop(seed):
    scores, dense, relevance = graded_case(seed, targets=8)
    figures = per_query(ranks_from_scores(scores, relevance), relevance)
    for i, row in enumerate(scores):
        hits = (dense[i] > 0)[np.argsort(-row)]
        total = hits.sum()
        for k in KS:
            assert figures[f"recall_at_{k}"][i] == hits[:k].any()
            assert figures[f"set_recall_at_{k}"][i] == pytest.approx(hits[:k].sum() / total)
            assert figures[f"precision_at_{k}"][i] == pytest.approx(hits[:k].sum() / k)
        precisions = [hits[: r + 1].mean() for r in np.flatnonzero(hits)]
        assert figures["map"][i] == pytest.approx(sum(precisions) / total)
        early = [hits[: r + 1].mean() for r in np.flatnonzero(hits[:total])]
        assert figures["map_at_r"][i] == pytest.approx(sum(early) / total)
        assert figures["mean_rank"][i] == np.flatnonzero(hits)[0] + 1


def test_five_right_captions_on_top_are_one_hit_but_a_fifth_of_the_set():
    relevance = np.array([0, 5]), np.arange(5), np.ones(5, dtype=np.float32)
    figures = per_query(np.array([3, 1, 2, 5, 4]), relevance)
    assert figures["recall_at_1"] == 1
    assert figures["set_recall_at_1"] == pytest.approx(0.2)
    assert figures["map"] == figures["map_at_r"] == figures["ndcg_at_10"] == 1


def test_average_precision_counts_what_was_found_late():
    relevance = np.array([0, 2]), np.arange(2), np.ones(2, dtype=np.float32)
    figures = per_query(np.array([1, 100]), relevance)
    assert figures["map"] == pytest.approx((1 / 1 + 2 / 100) / 2)
    assert figures["map_at_r"] == pytest.approx(0.5)


def test_every_figure_is_a_float32_per_query():
    relevance = np.array([0, 1, 3]), np.arange(3), np.ones(3, dtype=np.float32)
    figures = per_query(np.array([4, 2, 9]), relevance)
    assert tuple(figures) == MEANS
    assert all(values.shape == (2,) and values.dtype == np.float32 for values in figures.values())
