"""Grouping runs by their settings, and the names of the groups."""

import pytest

from xret.run.runs import read
from xret.run.settings import flat, group, name_all


def names(*runs):
    return [(setting.name, setting.seeds) for setting in group([read(run) for run in runs])[0]]


def test_runs_that_differ_in_seed_and_housekeeping_are_one_setting(make_run):
    housekeeping = {"resume": "x", "tracker": {"uri": "y"}, "batch": {"size": 128, "workers": 0}, "trial": 7}
    runs = make_run("a", 2), make_run("b", 0, **housekeeping), make_run("c", 1, test=False, existing="continue")
    assert names(*runs) == [("all runs", [0, 1, 2])]


def test_a_setting_is_called_by_what_one_would_type(make_run, triplet):
    wide = {**triplet, "margin": 0.3}
    runs = make_run("a"), make_run("b", loss=triplet), make_run("c", loss=wide), make_run("d", 1, loss=wide)
    assert names(*runs) == [
        ("loss=infonce", [0]),
        ("loss=triplet loss.margin=0.2", [0]),
        ("loss=triplet loss.margin=0.3", [0, 1]),
    ]


def test_options_that_are_off_nested_or_borrowed(make_run):
    start = {"_target_": "xret.start.cca.CCA", "strength": 3.0}
    text = {"text": {"_target_": "xret.encoder.text.scratch.Scratch"}}
    other = {"text": {"_target_": "xret.encoder.text.transformer.Transformer", "model": "bert"}}
    sgd = {"_target_": "torch.optim.SGD", "lr": 0.1}
    runs = make_run("a", encoder=text), make_run("b", encoder=other, start=start, optimizer=sgd)
    assert [set(name.split()) for name, _ in names(*runs)] == [
        {"start=none", "encoder/text=scratch", "optimizer=adamw"},
        {"start=cca", "encoder/text=transformer", "optimizer=sgd"},
    ]


def test_values_are_written_as_typed():
    settings = [{"a": 0.1 + 0.2, "b": True, "c": [1, 2]}, {"a": 1, "b": None, "c": "x"}]
    assert name_all(settings, [None, None]) == ["a=0.3 b=true c=[1,2]", "a=1 b=null c=x"]


def test_the_label_of_a_study_wins_and_is_told_apart_only_where_it_must(make_run, triplet):
    runs = make_run("a", variant="base"), make_run("b", variant="hard", loss=triplet)
    assert names(*runs) == [("base", [0]), ("hard", [0])]
    twice = make_run("c", variant="hard", loss={**triplet, "margin": 0.5})
    assert names(*runs, twice)[1:] == [("hard (loss.margin=0.2)", [0]), ("hard (loss.margin=0.5)", [0])]


def test_a_teacher_for_each_seed_is_no_other_setting(make_run):
    def taught(name, seed, by, layers=3):
        return make_run(name, seed, distillation={"teacher": f"runs/t,seed={by}", "layers": layers})

    own = taught("a", 0, 0), taught("b", 1, 1), taught("c", 10, 10)
    assert names(*own) == [("all runs", [0, 1, 10])]
    shared = taught("d", 2, 7), taught("e", 3, 7)
    assert [seeds for _, seeds in names(*own, *shared)] == [[0, 1, 10], [2, 3]]
    assert len(names(*own, taught("f", 4, 4, layers=6))) == 2


@pytest.mark.parametrize("newest", [0, 1])
def test_of_two_runs_of_one_seed_the_newest_counts(make_run, newest):
    ages = (10, 0) if newest else (0, 10)
    paths = [make_run(name, age_s=age) for name, age in zip("ab", ages, strict=True)]
    (setting,), notes = group([read(path) for path in paths])
    assert [run.path for run in setting.runs] == [paths[newest]]
    assert notes == [f"{paths[1 - newest]} is left out: {paths[newest]} is newer, of the same setting and seed"]


def test_flat_keeps_settings_alone():
    config = {"seed": 1, "loss": {"a": {"b": 2}, "c": {}}, "trainer": {"enable_progress_bar": False, "max_epochs": 3}}
    assert flat(config) == {"loss.a.b": 2, "loss.c": {}, "trainer.max_epochs": 3}
