"""The flat dictionary of figures, on tasks small enough to check by hand."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from xret.metric.evaluate import evaluate
from xret.metric.retrieval import MEANS


@dataclass(frozen=True)
class Pairing:
    """Query i of `query` belongs to the targets in column i of `right`."""

    query: str
    target: str
    queries: np.ndarray
    targets: np.ndarray
    right: list
    groups: np.ndarray
    fold: int = 0
    left_out: int = 0

    @property
    def name(self):
        """Return the direction."""
        return f"{self.query}_to_{self.target}"

    @property
    def relevance(self):
        """Return `right` as sparse rows of gain 1."""
        offsets = np.concatenate(([0], np.cumsum([len(row) for row in self.right])))
        columns = np.concatenate(self.right)
        return offsets, columns, np.ones(len(columns), dtype=np.float32)


def one_to_one(query, target, count, fold=0, start=0):
    rows = np.arange(start, start + count)
    return Pairing(query, target, rows, rows, [[i] for i in range(count)], rows, fold)


def circle(*degrees):
    radians = np.deg2rad(degrees)
    return np.stack([np.cos(radians), np.sin(radians)], axis=1).astype(np.float32)


@pytest.fixture
def vectors():
    """Text 0 is closest to its image 0; text 1 has image 2, then its own; text 2 has image 1, then 0, then its own."""
    return {"text": circle(0, 30, 60), "image": circle(1, 50, 25 + 80)}


def random_vectors(count, seed=0):
    rng = np.random.default_rng(seed)
    text = rng.standard_normal((count, 6))
    image = text + 0.9 * rng.standard_normal((count, 6))
    unit = [(m / np.linalg.norm(m, axis=1, keepdims=True)).astype(np.float32) for m in (text, image)]
    return {"text": unit[0], "image": unit[1]}


def test_figures_of_both_directions_by_hand(vectors):
    tasks = [one_to_one("text", "image", 3), one_to_one("image", "text", 3)]
    values = evaluate(tasks, vectors).values
    # text at 0: image at 1 first. text at 30: image at 50 first. text at 60: images at 50, 105, 1
    assert values["text_to_image/recall_at_1"] == pytest.approx(2 / 3)
    assert values["text_to_image/mrr"] == pytest.approx((1 + 1 + 1 / 2) / 3)
    # image at 1: text at 0. image at 50: texts at 60, 30, 0. image at 105: text at 60
    assert values["image_to_text/mrr"] == pytest.approx((1 + 1 / 2 + 1) / 3)
    assert values["image_to_text/mean_rank"] == pytest.approx(4 / 3)
    assert values["image_to_text/median_rank"] == 1
    assert values["text_to_image/chance_recall_at_1"] == pytest.approx(1 / 3)
    assert values["rsum"] == pytest.approx(100 * (2 / 3 + 1 + 1) * 2)
    assert values["chance_rsum"] == pytest.approx(100 * (1 / 3 + 1 + 1) * 2)
    assert (values["text_to_image/queries"], values["text_to_image/targets"], values["text_to_image/left_out"]) == (
        3,
        3,
        0,
    )


def test_a_collapsed_model_scores_zero(vectors):
    same = {name: np.repeat(rows[:1], 3, axis=0) for name, rows in vectors.items()}
    values = evaluate([one_to_one("text", "image", 3)], same).values
    assert values["text_to_image/recall_at_1"] == 0
    assert values["text_to_image/mean_rank"] == values["text_to_image/targets"] == 3


def test_intervals_hold_their_figure_and_shrink_with_more_queries():
    widths = []
    for count in (40, 640):
        values = evaluate([one_to_one("text", "image", count)], random_vectors(count)).values
        for name in MEANS:
            low, high = (values[f"text_to_image/{name}_{end}"] for end in ("low", "high"))
            assert low <= values[f"text_to_image/{name}"] <= high
        widths.append(values["text_to_image/mrr_high"] - values["text_to_image/mrr_low"])
    assert 0 < widths[1] < widths[0]


def test_rsum_has_an_interval_only_where_both_directions_ask_the_same_groups():
    vectors, tasks = random_vectors(60), [one_to_one("text", "image", 60), one_to_one("image", "text", 60)]
    values = evaluate(tasks, vectors).values
    assert values["rsum_low"] < values["rsum"] < values["rsum_high"]
    stranger = replace(tasks[1], groups=np.arange(60) + 5)
    values = evaluate([tasks[0], stranger], vectors).values
    assert "rsum" in values
    assert "rsum_low" not in values


def test_width_of_the_rsum_interval_is_twice_that_of_one_symmetric_direction():
    text = random_vectors(80)["text"]
    tasks = [one_to_one("text", "image", 80), one_to_one("image", "text", 80)]
    mirror = np.diag([1, 1, 1, 1, 1, -1]).astype(np.float32)
    values = evaluate(tasks, {"text": text, "image": text @ mirror}).values
    there = evaluate(tasks[:1], {"text": text, "image": text @ mirror}).per_query["text_to_image"]
    hits = sum(there[f"recall_at_{k}"] for k in (1, 5, 10))
    normal = 2 * 1.96 * 200 * hits.std() / np.sqrt(80)
    assert values["rsum_high"] - values["rsum_low"] == pytest.approx(normal, rel=0.1)


def test_folds_are_averaged_and_not_pooled():
    vectors = random_vectors(50)
    folds = [one_to_one("text", "image", 10, fold=0), one_to_one("text", "image", 40, fold=1, start=10)]
    single = [evaluate([fold], vectors).values for fold in folds]
    both = evaluate(folds, vectors)
    for name in (*MEANS, "median_rank", "chance_mrr", "targets"):
        mean = (single[0][f"text_to_image/{name}"] + single[1][f"text_to_image/{name}"]) / 2
        assert both.values[f"text_to_image/{name}"] == pytest.approx(mean), name
    assert both.values["text_to_image/queries"] == 50
    assert both.per_query["text_to_image"]["fold"].tolist() == [0] * 10 + [1] * 40
    assert both.per_query["text_to_image"]["query"].tolist() == list(range(50))
    assert (
        both.values["text_to_image/mrr_low"] < both.values["text_to_image/mrr"] < both.values["text_to_image/mrr_high"]
    )


def test_per_query_values_are_what_was_averaged(vectors):
    task = replace(one_to_one("text", "image", 3), groups=np.array([4, 4, 9]), left_out=2)
    result = evaluate([task], vectors)
    table = result.per_query["text_to_image"]
    assert table["mrr"].tolist() == [1, 1, 0.5]
    assert table["group"].tolist() == [4, 4, 9]
    assert result.values["text_to_image/left_out"] == 2
    for name in MEANS:
        assert result.values[f"text_to_image/{name}"] == pytest.approx(table[name].mean())


def test_without_resamples_there_are_no_intervals(vectors):
    values = evaluate([one_to_one("text", "image", 3)], vectors, resamples=0).values
    assert not any(key.endswith(("_low", "_high")) for key in values)
    assert "rsum" not in values


def test_equal_seeds_give_equal_intervals():
    vectors, tasks = random_vectors(30), [one_to_one("text", "image", 30)]
    assert evaluate(tasks, vectors, seed=1).values == evaluate(tasks, vectors, seed=1).values
    assert evaluate(tasks, vectors, seed=1).values != evaluate(tasks, vectors, seed=2).values


def test_missing_tasks_and_vectors_are_named(vectors):
    with pytest.raises(ValueError, match="at least one task"):
        evaluate([], vectors)
    with pytest.raises(
        ValueError, match=r"text_to_audio needs vectors of \['audio'\], got those of \['image', 'text'\]"
    ):
        evaluate([one_to_one("text", "audio", 3)], vectors)


def test_each_task_may_have_vectors_of_its_own():
    tasks = [one_to_one("text", "image", 20), one_to_one("image", "text", 20)]
    own = {task.name: random_vectors(20, seed) for seed, task in enumerate(tasks)}
    together = evaluate(tasks, lambda task: own[task.name]).values
    for task in tasks:
        alone = evaluate([task], own[task.name]).values
        assert {name: together[name] for name in alone} == alone
