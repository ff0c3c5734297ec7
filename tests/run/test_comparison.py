"""Settings side by side: figures, verdicts, refusals, and how they are written down."""

import csv
import io
import json

import numpy as np
import pytest

from xret._errors import UserError
from xret.run import side_by_side
from xret.run.comparison import compare
from xret.run.forest import forest
from xret.run.runs import read
from xret.run.settings import group


@pytest.fixture
def settings(make_run, triplet):
    """Three settings of three seeds: one, a better one, and one as good as the first."""
    runs = [make_run(f"a{seed}", seed, 0.5) for seed in range(3)]
    runs += [make_run(f"b{seed}", seed, 0.8, loss=triplet, fit_s=seed) for seed in range(3)]
    runs += [make_run(f"c{seed}", seed + 5, 0.5, miner={"_target_": "xret.miner.hard.Hard"}) for seed in range(3)]
    return group([read(run) for run in runs])[0]


def stored(setting, name):
    return np.mean([run.read([name])[name].mean() for run in setting.runs])


def test_means_and_differences_are_those_of_the_stored_answers(settings):
    found = compare(settings, 2, ["recall_at_10", "text_to_image/mrr"], "test")
    directions = ("text_to_image", "image_to_text")
    assert found.figures == ["recall_at_10", *(f"{d}/recall_at_10" for d in directions), "text_to_image/mrr"]
    for place, setting in enumerate(settings):
        each = [stored(setting, f"test/{d}/recall_at_10") for d in directions]
        assert found.of("recall_at_10")[place].mean.value == pytest.approx(np.mean(each))
        assert found.of("image_to_text/recall_at_10")[place].mean.value == pytest.approx(each[1])
        mrr = found.of("text_to_image/mrr")[place]
        assert mrr.mean.value == pytest.approx(stored(setting, "test/text_to_image/mrr"))
        if place != 2:
            against = stored(settings[2], "test/text_to_image/mrr")
            assert mrr.difference.value == pytest.approx(stored(setting, "test/text_to_image/mrr") - against)


def test_folds_weigh_the_same(make_run):
    path = make_run("folds")
    with np.load(path / "per_query.npz") as stored_arrays:
        arrays = dict(stored_arrays)
    for name in arrays:
        if name.endswith("/fold"):
            arrays[name] = (np.arange(60) >= 10).astype(int)
    values = arrays["test/text_to_image/mrr"]
    values[:10] = 1
    np.savez_compressed(path / "per_query.npz", **arrays)
    found = compare(group([read(path)])[0], 0, ["text_to_image/mrr"], "test")
    assert found.standings[0].mean.value == pytest.approx((1 + values[10:].mean(dtype=float)) / 2)


@pytest.mark.parametrize("first", [0, 7])
def test_seeds_are_compared_one_by_one_only_where_they_are_the_same(make_run, triplet, first):
    runs = [make_run(f"a{seed}", seed, 0.3 + 0.1 * seed) for seed in range(5)]
    runs += [make_run(f"b{seed}", seed + first, 0.32 + 0.1 * seed, loss=triplet) for seed in range(5)]
    found = compare(group([read(run) for run in runs])[0], 0, ["mrr"], "test").of("mrr")[1]
    assert found.difference.paired_seeds == (first == 0)


def test_the_verdict_is_about_the_setting_and_knows_the_baseline(settings):
    assert [s.verdict for s in compare(settings, 0, ["mrr"], "test").of("mrr")] == ["baseline", "better", "not shown"]
    assert [s.verdict for s in compare(settings, 1, ["mrr"], "val").of("mrr")] == ["worse", "baseline", "worse"]


def test_a_lower_rank_is_better(settings):
    found = compare(settings, 0, ["mean_rank"], "test")
    assert found.of("mean_rank")[1].difference.value < 0
    assert [s.verdict for s in found.of("mean_rank")] == ["baseline", "better", "not shown"]
    assert "%" not in side_by_side.markdown(found).splitlines()[-1]


def test_p_is_corrected_for_the_number_of_settings(settings):
    alone = compare(settings[:2], 0, ["mrr"], "test").of("mrr")[1]
    among = compare(settings, 0, ["mrr"], "test").of("mrr")[1]
    assert alone.p == alone.difference.p
    assert among.p == pytest.approx(2 * among.difference.p)


def test_runs_of_other_data_are_refused_by_name_unless_forced(make_run, settings):
    other = group([read(make_run("other", split_hash="z", data_hash="d"))])[0]
    with pytest.raises(UserError, match=r"a0 and .*other differ in the split hash \(s and z\).*force=true"):
        compare([*settings, *other], 0, ["mrr"], "test")
    found = compare([*settings, *other], 0, ["mrr"], "test", force=True)
    assert any("forced" in note and "split hash" in note for note in found.notes)


def test_forced_over_other_queries_a_difference_is_not_paired(make_run):
    one, same = read(make_run("one", 0)), read(make_run("same", 1, variant="x"))
    other = read(make_run("other", 1, queries=80, variant="y"))
    settings = group([one, same, other])[0]
    found = compare(settings, 0, ["mrr"], "test", force=True).of("mrr")
    paired, apart = (s.difference.high - s.difference.low for s in found[1:])
    assert apart > 2 * paired
    mixed = group([one, read(make_run("mixed", 2, queries=80))])[0]
    with pytest.raises(UserError, match="asked different queries"):
        compare(mixed, 0, ["mrr"], "test", force=True)


@pytest.mark.parametrize(
    ("metric", "hint"),
    [("mmr", "mrr"), ("text_to_image/recall_at_100", "recall_at_10"), ("audio_to_image/mrr", "text_to_image/mrr")],
)
def test_an_unknown_metric_is_answered_with_near_names(settings, metric, hint):
    with pytest.raises(UserError, match=hint):
        compare(settings, 0, [metric], "test")


def test_few_seeds_are_said(make_run, triplet):
    one, other = read(make_run("one")), read(make_run("other", loss=triplet))
    found = compare(group([one, other])[0], 0, ["mrr"], "test")
    assert "seeds were not varied" in found.notes[0]
    more = group([one, other, read(make_run("more", 1))])[0]
    assert "one seed only" in compare(more, 0, ["mrr"], "test").notes[0]
    alone = compare(group([one])[0], 0, ["mrr"], "test")
    assert "nothing to compare" in alone.notes[0]
    assert side_by_side.markdown(alone).splitlines()[-1].startswith("| all runs | 1 | ")


def test_too_few_queries_are_one_line(make_run):
    with pytest.raises(UserError, match="at least 2 groups"):
        compare(group([read(make_run("one", queries=2))])[0], 0, ["mrr"], "test")


def test_the_last_table_holds_what_a_reader_needs(settings):
    found = compare(settings, 0, ["mrr", "recall_at_1"], "test")
    *_, head, _, first, second, third = side_by_side.markdown(found).splitlines()
    cells = [cell.strip() for cell in second.strip("|").split("|")]
    row = dict(zip([cell.strip() for cell in head.strip("|").split("|")], cells, strict=True))
    better = found.of("mrr")[1]
    half = 50 * (better.mean.high - better.mean.low)
    assert row["setting"] == "loss=triplet miner=inbatch"
    assert row["seeds"] == "3"
    assert row["mrr"] == f"{100 * better.mean.value:.1f} ± {half:.1f}"
    ends = f"[{100 * better.difference.low:+.1f}, {100 * better.difference.high:+.1f}]"
    assert row["difference [low, high]"] == f"{100 * better.difference.value:+.1f} {ends}"
    assert row["verdict"] == "better"
    assert row["training s"] == "1.0"  # of 0, 1 and 2
    assert row["ms per query, text → image"] == "10.0"
    assert row["trained parameters"] == "1.20 M"
    assert row["bytes per vector"] == "1536"
    assert "baseline" in first
    assert "not shown" in third
    assert " ↑ |" in side_by_side.markdown(found).splitlines()[3]


def test_csv_and_json_say_the_same(settings):
    found = compare(settings, 0, ["mrr", "recall_at_1"], "test")
    rows = list(csv.DictReader(io.StringIO(side_by_side.as_csv(found))))
    document = json.loads(side_by_side.as_json(found))
    assert len(rows) == len(found.standings)
    assert document["metric"] == "mrr"
    for group_ in document["groups"]:
        assert len(group_["seeds"]) == len(group_["runs"]) == 3
        for row in (row for row in rows if row["setting"] == group_["name"]):
            figure = group_["figures"][row["figure"]]
            assert float(row["mean"]) == pytest.approx(figure["mean"]["value"])
            assert (row["difference"] == "") == (figure["difference"] is None)
            assert row["verdict"] == figure["verdict"]


def test_the_forest_plot_is_a_picture_taller_with_more_settings(settings):
    pictures = [forest(compare(some, 0, ["mrr"], "test")) for some in (settings[:1], settings)]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    heights = [int.from_bytes(picture[20:24], "big") for picture in pictures]
    assert heights[1] > heights[0]
